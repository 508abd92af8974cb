import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/**
 * Has the machine take so much memory and give it back. A virtual machine gets its memory from its host page by page, when
 * each is first written to, and may return what lies free: a push whose bytes meet such pages in the page cache costs the
 * kernel five times as much as one that meets pages of a file that was just deleted. Who meets which is chance, and was once
 * taken for a difference between programs. A server that has run for a while has all its memory in use.
 */
export async function warmMemory(mebibytes: number): Promise<void> {
  await run(process.execPath, ["-e", `Buffer.alloc(${mebibytes} * 1024 * 1024, 1)`]);
}
