import { setTimeout as sleep } from "node:timers/promises";
import { processFigures } from "../process-figures.ts";
import { ask, startHelper, stop } from "./load-process.ts";

export interface BareOutcome {
  readonly megabytesPerSecond: number;
  /** Of one. */
  readonly cores: number;
  /** Of one. */
  readonly readerCores: number;
}

/** As much as a chunk of events for readers of everything. */
const pieceBytes = 152 * 1024;
/** As much as the pull server holds for each client. */
const bufferBytes = 1024 * 1024;

/** What a bare server of sockets gets to so many readers on this machine: no program that writes from Node gets more. */
export async function playBare(readers: number, seconds: number): Promise<BareOutcome> {
  await using stack = new AsyncDisposableStack();
  const writer = stack.adopt(startHelper("bare.process.ts"), (child) => stop(child));
  const reader = stack.adopt(startHelper("bare.process.ts"), (child) => stop(child));
  const port = await ask<number>(writer, { write: { pieceBytes, bufferBytes } }, "port");
  await ask(reader, { read: { port, readers } }, "started");
  await sleep(2_000);
  const look = async () => ({
    bytes: await ask<number>(reader, { figures: true }, "figures"),
    writer: (await processFigures(writer.pid ?? 0)).cpuSeconds,
    reader: (await processFigures(reader.pid ?? 0)).cpuSeconds,
    at: performance.now(),
  });
  const before = await look();
  await sleep(seconds * 1_000);
  const after = await look();
  const took = (after.at - before.at) / 1_000;
  return {
    megabytesPerSecond: (after.bytes - before.bytes) / 1e6 / took,
    cores: (after.writer - before.writer) / took,
    readerCores: (after.reader - before.reader) / took,
  };
}
