import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const mark = "-- next block --";

/**
 * Runs the shell commands of a page of docs/ as they are written, one block after the other in one shell, until one fails.
 * Answers what each block printed.
 */
export async function runPage(
  page: string,
  options: { readonly cwd: string; readonly environment: NodeJS.ProcessEnv },
): Promise<readonly string[]> {
  const text = await readFile(resolve(import.meta.dirname, "../../../docs", page), "utf8");
  const blocks = [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, commands]) => commands ?? "");
  if (blocks.length === 0) throw new Error(`${page} has no commands`);
  const script = blocks.join(`\necho '${mark}'\n`);
  const { stdout } = await run("bash", ["-euo", "pipefail", "-c", script], {
    cwd: options.cwd,
    env: options.environment,
  });
  return stdout.split(`${mark}\n`);
}
