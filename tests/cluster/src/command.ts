import { spawn } from "node:child_process";
import type { CommandOptions } from "./contract.ts";

/** The words of a program that did not end well stand in its message. */
class CommandError extends Error {
  override readonly name = "CommandError";
  /** null when a signal ended it. */
  readonly code: number | null;
  readonly stderr: string;

  constructor(what: string, code: number | null, stdout: string, stderr: string) {
    super(`${what} ended with ${code ?? "a signal"}: ${(stderr.trim() || stdout.trim()).slice(-4000)}`);
    this.code = code;
    this.stderr = stderr;
  }
}

const mostBytes = 64 * 1024 * 1024;

/** Runs a program to its end; answers its standard output. */
export function command(
  program: string,
  parameters: readonly string[],
  options: CommandOptions & { readonly env?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  const what = [program.split("/").at(-1), ...parameters].join(" ").slice(0, 300);
  return new Promise((resolve, reject) => {
    const child = spawn(program, parameters, {
      stdio: ["pipe", "pipe", "pipe"],
      ...(options.env === undefined ? {} : { env: options.env }),
      timeout: options.timeoutMs ?? 240_000,
      killSignal: "SIGKILL",
    });
    const printed = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) {
      child[name].setEncoding("utf8").on("data", (text: string) => {
        printed[name] += text;
        if (printed[name].length > mostBytes) child.kill("SIGKILL");
      });
    }
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve(printed.stdout);
      else reject(new CommandError(what, code, printed.stdout, printed.stderr));
    });
    // A program that does not read its input closes the pipe: its exit code says whether that is wrong.
    child.stdin.on("error", () => undefined);
    child.stdin.end(options.input ?? "");
  });
}
