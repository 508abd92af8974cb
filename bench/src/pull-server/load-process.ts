import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

/** A process of the load: `file` of this folder, which obeys messages and ends with its parent. */
export function startHelper(file: string): ChildProcess {
  return fork(join(import.meta.dirname, file), { execArgv: ["--max-semi-space-size=32"] });
}

/** Sends a message, and answers `field` of the first reply that has it. */
export async function ask<T>(child: ChildProcess, message: object, field: string): Promise<T> {
  const answer = new Promise<T>((resolve, reject) => {
    const over = (): void => reject(new Error("a load process ended"));
    const take = (reply: Record<string, T>): void => {
      const value = reply[field];
      if (value === undefined) return;
      child.off("message", take);
      child.off("exit", over);
      resolve(value);
    };
    child.on("message", take);
    child.once("exit", over);
  });
  child.send(message);
  return answer;
}

/** Resolves when the process has ended. */
export async function stop(child: ChildProcess, signal?: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  if (signal === undefined) child.disconnect();
  else child.kill(signal);
  await ended;
}
