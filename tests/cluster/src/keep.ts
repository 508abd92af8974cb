import { spawn } from "node:child_process";
import { once } from "node:events";
import { Socket } from "node:net";
import { fileURLToPath } from "node:url";
import type { Identity } from "./identity.ts";

/** Whoever cleans up when the test ends, however it ends. */
export interface Keeper {
  readonly pid: number;
  /** Takes the cluster away and resolves when nothing is left; rejects with what stayed. Again is no error. */
  release(): Promise<void>;
}

/** Starts the keeper of a cluster. It does not keep the test's process from ending. */
export function startKeeper(identity: Identity): Keeper {
  const child = spawn(process.execPath, [fileURLToPath(new URL("./keeper.ts", import.meta.url)), identity.id], {
    cwd: "/",
    stdio: ["pipe", "ignore", "pipe"],
    // Not in this terminal's group: Ctrl-C is for the test.
    detached: true,
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  child.stdin.on("error", () => undefined);
  child.unref();
  for (const stream of [child.stdin, child.stderr]) if (stream instanceof Socket) stream.unref();
  let released: Promise<void> | undefined;
  const release = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.ref();
      const gone = once(child, "close");
      child.stdin.end("stop\n");
      await gone;
    }
    if (child.exitCode !== 0)
      throw new Error(said.trim() || `the keeper ended with ${child.exitCode ?? child.signalCode}`);
  };
  return { pid: child.pid ?? -1, release: () => (released ??= release()) };
}
