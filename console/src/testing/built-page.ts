import { execFile } from "node:child_process";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

/** Builds the page into a folder of its own, which the caller removes. */
export async function buildPage(): Promise<string> {
  const room = new URL("../..", import.meta.url).pathname;
  const dist = await mkdtemp(join(tmpdir(), "waybill-page-"));
  // In a process of its own: vitest's NODE_ENV would make it a development build.
  const vite = join(room, "../node_modules/vite/bin/vite.js");
  const env = { ...process.env, NODE_ENV: "production" };
  await promisify(execFile)(process.execPath, [vite, "build", "--outDir", dist, "--emptyOutDir"], { cwd: room, env });
  return dist;
}
