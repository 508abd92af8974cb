import { open, unlink } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "@waybill/foundation/testing";

const mebibyte = 1024 * 1024;

/**
 * Has the machine's page cache take so many bytes and let them go. A virtual machine gets its memory from its host page by
 * page, when each is first written to, and gives back what lies free: the kernel spends ten times as long on a written byte
 * that meets such a page (2.6 s/GiB, against 0.25) as on one that meets a page of a file that was just deleted. Who meets
 * which is chance, and was twice taken for a difference between programs. A server that has run for a while has all its
 * memory in use. Memory of a process, taken and let go, does not help: files get their pages in larger pieces.
 */
export async function readyPages(mebibytes: number): Promise<void> {
  await using folder = await temporaryFolder("waybill-bench-pages-");
  const path = join(folder.path, "bytes");
  const file = await open(path, "w");
  const piece = Buffer.alloc(mebibyte, 1);
  for (let written = 0; written < mebibytes; written++) await file.write(piece);
  await file.close();
  await unlink(path);
}
