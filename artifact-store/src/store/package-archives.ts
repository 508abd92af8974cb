import { Readable } from "node:stream";
import { readArchive, writeArchive, type ArchiveEntry } from "../archives/index.ts";
import {
  checkPath,
  mediaTypeOfPath,
  type ArchiveFormat,
  type ArchiveOptions,
  type OpenPackageFile,
  type PackageFile,
} from "../packages/index.ts";
import type { ByteSource } from "../uploads/index.ts";
import type { BlobStat, OpenBlob } from "./blobs.ts";
import type { StoreLimits } from "./limits.ts";

/** Files up to this size are stored side by side, since each waits for the disk; larger ones while they come in. */
const smallBytes = 64 * 1024;
const sideBySide = 8;

/** Stores every file of an archive as a blob. They are files of a package when who calls says so, all of them or none. */
export async function takeArchive(archive: {
  readonly source: Readable;
  readonly format: ArchiveFormat;
  readonly options: ArchiveOptions;
  readonly spool: string;
  readonly limits: StoreLimits;
  readonly put: (bytes: ByteSource) => Promise<BlobStat>;
}): Promise<PackageFile[]> {
  const { source, format, options, spool, limits, put } = archive;
  const under = options.under === undefined ? "" : `${checkPath(options.under)}/`;
  const files: PackageFile[] = [];
  const running = new Set<Promise<void>>();
  let bytes = 0;
  async function store(entry: ArchiveEntry, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const path = checkPath(`${under}${entry.path}`);
    const { digest, size } = await put({ chunks, length: entry.size });
    files.push({ path, mediaType: mediaTypeOfPath(path), size, digest });
    bytes += size;
    options.onProgress?.({ files: files.length, bytes });
  }
  const entries = readArchive(source, format, {
    spool,
    limits: { files: limits.packageFiles, bytes: limits.packageBytes, ratio: limits.archiveRatio },
  });
  try {
    for await (const entry of entries) {
      if (entry.size > smallBytes) {
        await storeWhole(entry, store);
        continue;
      }
      const parts: Uint8Array[] = [];
      for await (const part of entry.bytes) parts.push(Uint8Array.from(part));
      while (running.size >= sideBySide) await Promise.race(running);
      const storing = store(entry, Readable.from(parts)).finally(() => running.delete(storing));
      running.add(storing);
    }
    await Promise.all(running);
  } finally {
    await Promise.allSettled(running);
  }
  return files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

/** What is wrong with the archive is told rather than that the blob ended early. */
async function storeWhole(
  entry: ArchiveEntry,
  store: (entry: ArchiveEntry, chunks: AsyncIterable<Uint8Array>) => Promise<void>,
): Promise<void> {
  let fault: unknown;
  async function* chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield* entry.bytes;
    } catch (error) {
      fault = error;
      throw error;
    }
  }
  try {
    await store(entry, chunks());
  } catch (error) {
    throw fault ?? error;
  }
}

export function giveArchive(
  files: readonly PackageFile[],
  format: ArchiveFormat,
  open: (file: PackageFile) => Promise<Pick<OpenBlob | OpenPackageFile, "reader">>,
): Readable {
  const packed = files.map((file) => ({
    path: file.path,
    size: file.size,
    open: async () => (await open(file)).reader.stream(),
  }));
  return writeArchive(packed, format);
}
