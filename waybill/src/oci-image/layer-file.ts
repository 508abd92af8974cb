import { createHash, randomUUID } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { archiveOf, type ArchiveEntry } from "./archive.ts";
import type { ImageLayer } from "./image.ts";

/**
 * A layer of these entries, as a gzip'ed archive among the blobs of a layout folder (`<layout>/blobs/sha256/<hex>`).
 * gzip, because every containerd reads it. The same entries are the same layer.
 */
export async function writeLayer(layout: string, entries: ReadonlyMap<string, ArchiveEntry>): Promise<ImageLayer> {
  const folder = join(layout, "blobs", "sha256");
  await mkdir(folder, { recursive: true });
  const unfinished = join(folder, `.unfinished-${randomUUID()}`);
  const diff = createHash("sha256");
  const hash = createHash("sha256");
  let sizeBytes = 0;
  try {
    await pipeline(
      async function* () {
        for await (const chunk of archiveOf(entries)) {
          diff.update(chunk);
          yield chunk;
        }
      },
      createGzip({ level: 6 }),
      async function* (compressed: AsyncIterable<Buffer>) {
        for await (const chunk of compressed) {
          hash.update(chunk);
          sizeBytes += chunk.byteLength;
          yield chunk;
        }
      },
      createWriteStream(unfinished),
    );
    const hex = hash.digest("hex");
    const path = join(folder, hex);
    await rename(unfinished, path);
    return {
      mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
      digest: `sha256:${hex}`,
      diffId: `sha256:${diff.digest("hex")}`,
      sizeBytes,
      open: (): Readable => createReadStream(path),
    };
  } finally {
    await rm(unfinished, { force: true });
  }
}
