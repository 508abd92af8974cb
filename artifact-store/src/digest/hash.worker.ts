import { createHash, type Hash } from "node:crypto";
import { parentPort } from "node:worker_threads";
import type { HashReply, HashRequest } from "./hash-protocol.ts";

const running = new Map<number, Hash>();
const port = parentPort;
if (port === null) throw new Error("hash.worker.ts runs as a worker thread only");

port.on("message", (request: HashRequest) => {
  const reply = (answer: HashReply): void => port.postMessage(answer);
  if (request.kind === "start") {
    running.set(request.id, createHash(request.algorithm));
    return;
  }
  const hash = running.get(request.id);
  if (hash === undefined) return;
  if (request.kind === "update") {
    for (const chunk of request.chunks) {
      hash.update(chunk);
      // Gives the memory back now: waiting for this thread's garbage collector would let it grow with the traffic.
      chunk.buffer.transfer(0);
    }
    reply({ id: request.id });
  } else {
    running.delete(request.id);
    if (request.kind === "end") reply({ id: request.id, hex: hash.digest("hex") });
  }
});
