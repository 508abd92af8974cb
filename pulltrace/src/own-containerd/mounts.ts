import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Mount points below `folder`, innermost first. Blanks and the like stand as octal in the kernel's table (proc(5)). */
async function mountsBelow(folder: string): Promise<readonly string[]> {
  const table = await readFile("/proc/self/mountinfo", "utf8").catch(() => "");
  return table
    .split("\n")
    .map((line) =>
      (line.split(" ")[4] ?? "").replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
        String.fromCharCode(parseInt(octal, 8)),
      ),
    )
    .filter((path) => path.startsWith(`${folder}/`))
    .reverse();
}

/** An unpack that was cut off leaves its mount; `--lazy` since a dying process may still be in it. */
export async function unmountBelow(folder: string): Promise<void> {
  for (const path of await mountsBelow(folder)) await run("umount", ["--lazy", path]).catch(() => undefined);
}
