import { randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { crc32 } from "node:zlib";
import type { Entry, ZipFile } from "yauzl";
import { shownPath } from "../packages/index.ts";
import { archiveFault, archiveTooLarge } from "./archive-fault.ts";
import type { RawEntry } from "./read-tar.ts";

const kindMask = 0o170_000;
const plainFile = 0o100_000;
const folder = 0o040_000;
const localHeaderBytes = 30;

/** Zip64 is told from the size of the archive alone, and its central directory is read entry by entry. */
const options = { autoClose: false, lazyEntries: true, validateEntrySizes: true, strictFileNames: true } as const;

/**
 * The entries of a zip archive, as its central directory has them. That comes last, and what stands before each file may
 * say something else: so the archive is first written to a file in `spool`, which is removed in the end. Whatever a crash
 * leaves there, the next start removes.
 * @throws StoreError ARCHIVE_INVALID for encrypted, overlapping and lying entries, links, devices, damage
 */
export async function* readZip(
  chunks: AsyncIterable<Uint8Array>,
  spool: string,
  mostEntries: number,
): AsyncGenerator<RawEntry, void, undefined> {
  const path = join(spool, randomUUID());
  await mkdir(spool, { recursive: true });
  let zip: ZipFile | undefined;
  try {
    await pipeline(chunks, createWriteStream(path, { flags: "wx", mode: 0o600 }));
    const { openPromise } = await import("yauzl");
    zip = await openPromise(path, options);
    if (zip.entryCount > mostEntries) {
      throw archiveTooLarge(`the archive has ${zip.entryCount} entries; ${mostEntries} are the limit`);
    }
    const taken: { readonly start: number; readonly end: number; readonly name: string }[] = [];
    for await (const entry of zip.eachEntry()) {
      const start = entry.relativeOffsetOfLocalHeader;
      taken.push({ start, end: start + localHeaderBytes + entry.compressedSize, name: entry.fileName });
      yield await entryOf(zip, entry);
    }
    const inOrder = taken.toSorted((a, b) => a.start - b.start);
    for (const [index, { end, name }] of inOrder.entries()) {
      // Many entries that share their bytes are how a small archive becomes a huge one.
      if (end > (inOrder[index + 1]?.start ?? Infinity)) {
        throw archiveFault(`${shownPath(name)} shares its bytes with another entry of the archive`);
      }
    }
  } finally {
    zip?.close();
    await rm(path, { force: true });
  }
}

function checkEntry(entry: Entry): void {
  const shown = shownPath(entry.fileName);
  if (entry.isEncrypted()) throw archiveFault(`${shown} is encrypted`);
  if (entry.compressionMethod !== 0 && entry.compressionMethod !== 8) {
    throw archiveFault(`${shown} is packed by method ${entry.compressionMethod}; stored and deflated files are taken`);
  }
  const kind = (entry.externalFileAttributes >>> 16) & kindMask;
  if (kind !== 0 && kind !== plainFile && kind !== folder) {
    throw archiveFault(`${shown} is a link, a device or a FIFO: only plain files are taken`);
  }
  if (kind === folder && !entry.fileName.endsWith("/"))
    throw archiveFault(`${shown} is a folder and not called like one`);
}

async function entryOf(zip: ZipFile, entry: Entry): Promise<RawEntry> {
  checkEntry(entry);
  const { fileName: name, uncompressedSize: size } = entry;
  const isFolder = name.endsWith("/");
  const shown = shownPath(name);
  if (isFolder && size > 0) throw archiveFault(`${shown} is a folder that has bytes`);
  const local = await zip.readLocalFileHeaderPromise(entry);
  if (!local.fileName.equals(entry.fileNameRaw)) {
    throw archiveFault(`${shown} has another name where its bytes are: programs would not agree what it is called`);
  }
  async function* bytes(): AsyncGenerator<Uint8Array, void, undefined> {
    let sum = 0;
    const stream = await zip.openReadStreamPromise(entry);
    for await (const chunk of stream) {
      const part = chunk as Uint8Array;
      sum = crc32(part, sum);
      yield part;
    }
    if (sum !== entry.crc32) throw archiveFault(`${shown} is damaged: its check sum is not right`);
  }
  return { name, isFolder, size, bytes: bytes() };
}
