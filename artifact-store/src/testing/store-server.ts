import { once } from "node:events";
import { readFile } from "node:fs/promises";
import type { Interface } from "node:readline";
import { startProcess } from "@waybill/foundation/testing";
import type { StoreLimits, StoreOptions } from "../store/index.ts";

/** A registry in a process of its own, open to everybody. Disposing kills it. */
export interface StoreServer extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  /** SIGKILL, and waits until it is gone. */
  kill(): Promise<void>;
  /** The lines that it prints after its address. */
  readonly lines: Interface;
  /** The most memory that was ever resident, in MiB (Linux: VmHWM). */
  peakMemory(): Promise<number>;
}

/** @param options that survive as JSON: places of blobs, database */
export async function startStoreServer(
  root: string,
  limits: Partial<StoreLimits> = {},
  options: Omit<Partial<StoreOptions>, "root" | "limits"> = {},
): Promise<StoreServer> {
  const script = new URL("./store-server.process.ts", import.meta.url);
  const given = [root, JSON.stringify(limits), JSON.stringify(options)];
  // As bin/waybill starts it: bytes that flow past are given back soon.
  const program = startProcess(script, given, ["--max-semi-space-size=4"]);
  const pid = program.process.pid ?? 0;
  // Whichever comes first; a program that fails says why.
  const url = await Promise.race([
    once(program.lines, "line").then(([line]) => String(line)),
    program.finished().then(() => ""),
  ]);
  program.finished().catch(() => undefined);
  return {
    url,
    pid,
    lines: program.lines,
    kill: () => program.kill(),
    async peakMemory() {
      const status = await readFile(`/proc/${pid}/status`, "utf8");
      return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? Number.NaN) / 1024;
    },
    [Symbol.asyncDispose]: () => program.kill(),
  };
}
