import { createReadStream } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { buffer } from "node:stream/consumers";
import { Readable } from "node:stream";
import { readArchive } from "../archives/index.ts";

/** The conformance runs in fixtures/. */
export type RecordedRun = "20261121T080131Z-browser-version" | "20261121T080030Z-atompub-all";

/** Unpacks a recorded run into `parent`; answers its folder. */
export async function unpackRun(run: RecordedRun, parent: string): Promise<string> {
  const file = new URL(`../../fixtures/cmis-run-${run}.tar.gz`, import.meta.url);
  const limits = { files: 100, bytes: 64 * 1024 * 1024, ratio: 1000 };
  for await (const entry of readArchive(createReadStream(file), "tar+gzip", { limits, spool: parent })) {
    const path = join(parent, entry.path);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, await buffer(Readable.from(entry.bytes)));
  }
  return join(parent, `run-${run}`);
}
