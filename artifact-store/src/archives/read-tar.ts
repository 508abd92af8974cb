import { shownPath } from "../packages/index.ts";
import { archiveFault } from "./archive-fault.ts";
import { ByteReader } from "./byte-reader.ts";
import { blockBytes, isZero, readHeader, readPax, type TarHeader } from "./tar-header.ts";

/** One entry as it stands in the archive; its name has not been checked. */
export interface RawEntry {
  readonly name: string;
  readonly isFolder: boolean;
  readonly size: number;
  /** To be read to its end before the next entry. */
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** What is no file and no folder, by the type in the header. */
const refused: Readonly<Record<string, string>> = {
  "1": "a hard link",
  "2": "a symbolic link",
  "3": "a character device",
  "4": "a block device",
  "6": "a FIFO",
  S: "a sparse file",
};

const metaBytes = 64 * 1024;
/** So many extended headers in a row are no archive that a program makes. */
const mostMeta = 8;

interface Overrides {
  path?: string;
  size?: number;
}

function readOverrides(type: string, bytes: Buffer, into: Overrides): void {
  if (type === "L") {
    const end = bytes.indexOf(0);
    into.path = bytes.toString("utf8", 0, end === -1 ? bytes.byteLength : end);
    return;
  }
  const records = readPax(bytes);
  for (const key of records.keys()) {
    if (key.startsWith("GNU.sparse.")) throw archiveFault("the archive has a sparse file: pack it whole");
  }
  const path = records.get("path");
  const size = records.get("size");
  if (type === "g" && (path !== undefined || size !== undefined)) {
    throw archiveFault("a global header of the archive says path or size of every entry");
  }
  if (path !== undefined) into.path = path;
  if (size !== undefined) {
    if (!/^\d{1,15}$/.test(size)) throw archiveFault("an extended header of the archive has a size that is no number");
    into.size = Number(size);
  }
}

/**
 * The entries of a tar archive, in its order.
 * @throws StoreError ARCHIVE_INVALID for links, devices, FIFOs, sparse files, damage, a missing end, bytes after it
 */
export async function* readTar(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<RawEntry, void, undefined> {
  const reader = new ByteReader(chunks);
  let meta = 0;
  let overrides: Overrides = {};
  for (;;) {
    const block = await reader.exactly(blockBytes, "a header");
    if (block === undefined) throw archiveFault("the archive is truncated: its end is missing");
    if (isZero(block)) {
      const second = await reader.exactly(blockBytes, "its end");
      if (second === undefined || !isZero(second)) throw archiveFault("the archive is truncated: its end is damaged");
      break;
    }
    const header = readHeader(block);
    if ("xgLK".includes(header.type)) {
      if (++meta > mostMeta) throw archiveFault(`the archive has more than ${mostMeta} extended headers in a row`);
      if (header.size > metaBytes) {
        throw archiveFault(`an extended header of the archive has ${header.size} bytes; ${metaBytes} are the limit`);
      }
      const bytes = (await reader.exactly(header.size, "an extended header")) ?? Buffer.alloc(0);
      if (bytes.byteLength < header.size) throw archiveFault("the archive is truncated: it ends in an extended header");
      await pad(reader, header.size);
      if (header.type !== "K") readOverrides(header.type, bytes, overrides);
      continue;
    }
    yield* entryOf(header, overrides, reader);
    meta = 0;
    overrides = {};
  }
  for (let more = await reader.some(blockBytes); more !== undefined; more = await reader.some(blockBytes)) {
    if (!isZero(more)) throw archiveFault("the archive goes on after its end");
  }
}

async function* entryOf(
  header: TarHeader,
  overrides: Overrides,
  reader: ByteReader,
): AsyncGenerator<RawEntry, void, undefined> {
  const name = overrides.path ?? header.name;
  const shown = shownPath(name);
  const what = refused[header.type];
  if (what !== undefined) throw archiveFault(`${shown} is ${what}: only plain files are taken`);
  if (!"0\x007\x355".includes(header.type)) throw archiveFault(`${shown} is of a kind that nobody knows`);
  // Before POSIX a folder was a file whose name ends with a slash.
  const isFolder = header.type === "5" || name.endsWith("/");
  const size = overrides.size ?? header.size;
  if (isFolder && size > 0) throw archiveFault(`${shown} is a folder that has bytes`);
  let left = size;
  async function* bytes(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const part of reader.stream(size, shown)) {
      left -= part.byteLength;
      yield part;
    }
  }
  yield { name, isFolder, size, bytes: bytes() };
  if (left > 0) throw new Error("an entry was not read to its end");
  await pad(reader, size);
}

async function pad(reader: ByteReader, size: number): Promise<void> {
  const rest = (blockBytes - (size % blockBytes)) % blockBytes;
  if (rest === 0) return;
  const padding = await reader.exactly(rest, "the padding of an entry");
  if (padding === undefined) throw archiveFault("the archive is truncated: it ends in the padding of an entry");
}
