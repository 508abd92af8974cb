import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface, type Interface } from "node:readline";
import type { Readable } from "node:stream";

export interface TestProcess {
  readonly process: ChildProcessByStdio<null, Readable, Readable>;
  /** Its standard output, line by line. */
  readonly lines: Interface;
  /** Resolves with everything it printed; rejects with its standard error when it did not end well. */
  finished(): Promise<string>;
  /** SIGKILL, and waits until it is gone. */
  kill(): Promise<void>;
}

/** Runs a program of ours with this Node. Whoever starts it waits for its end, or kills it. */
export function startProcess(script: URL, args: readonly string[], nodeFlags: readonly string[] = []): TestProcess {
  const command = [...nodeFlags, script.pathname, ...args];
  const child = spawn(process.execPath, command, { stdio: ["ignore", "pipe", "pipe"] });
  const output: string[] = [];
  const errors: string[] = [];
  const lines = createInterface({ input: child.stdout });
  lines.on("line", (line) => output.push(line));
  child.stderr.setEncoding("utf8").on("data", (text: string) => errors.push(text));
  const closed = once(child, "close") as Promise<[number | null, NodeJS.Signals | null]>;
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await closed;
  };
  return {
    process: child,
    lines,
    async finished() {
      const [code, signal] = await closed;
      if (code !== 0) throw new Error(`${script.pathname} ended with ${code ?? signal}: ${errors.join("")}`);
      return output.join("\n");
    },
    kill,
  };
}
