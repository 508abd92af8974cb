import { createHash } from "node:crypto";
import { parentPort } from "node:worker_threads";
import type { DigestAlgorithm } from "./digest.ts";
import type { HashReply, HashRequest, HashStart } from "./hash-protocol.ts";

interface Running {
  update(chunk: Uint8Array): void;
  hex(): string;
  save(): Uint8Array;
}

const running = new Map<number, Promise<Running>>();
const port = parentPort;
if (port === null) throw new Error("hash.worker.ts runs as a worker thread only");

async function begin(algorithm: DigestAlgorithm, how: HashStart): Promise<Running> {
  if (how.kind === "native") {
    const hash = createHash(algorithm);
    return {
      update: (chunk) => void hash.update(chunk),
      hex: () => hash.digest("hex"),
      save: () => {
        throw new Error("this digest cannot be saved");
      },
    };
  }
  const { createSHA256, createSHA512 } = await import("hash-wasm");
  const hash = await (algorithm === "sha256" ? createSHA256() : createSHA512());
  if (how.state === undefined) hash.init();
  else hash.load(how.state);
  return {
    update: (chunk) => void hash.update(chunk),
    hex: () => hash.digest("hex"),
    save: () => hash.save(),
  };
}

async function answer(request: HashRequest): Promise<HashReply | undefined> {
  const { id } = request;
  if (request.kind === "start") {
    const started = begin(request.algorithm, request.how);
    started.catch(() => undefined); // told to whoever asks next
    running.set(id, started);
    return undefined;
  }
  if (request.kind === "drop") {
    running.delete(id);
    return undefined;
  }
  const hash = await running.get(id);
  if (hash === undefined) return undefined;
  if (request.kind === "save") return { id, state: hash.save() };
  if (request.kind === "end") {
    running.delete(id);
    return { id, hex: hash.hex() };
  }
  const { bytes } = request;
  hash.update(bytes);
  // Gives a copy's memory back now: waiting for this thread's garbage collector would let it grow with the traffic.
  if (bytes.buffer instanceof ArrayBuffer) bytes.buffer.transfer(0);
  return { id };
}

/** Never rejects. */
async function serve(request: HashRequest): Promise<void> {
  let reply: HashReply | undefined;
  try {
    reply = await answer(request);
  } catch (error) {
    reply = { id: request.id, error: String(error) };
  }
  if (reply !== undefined) port?.postMessage(reply);
}

// One request after the other: answers keep the order of the requests although some wait for WebAssembly.
let before: Promise<void> = Promise.resolve();
port.on("message", (request: HashRequest) => {
  before = before.then(() => serve(request));
});
