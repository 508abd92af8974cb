import { pipeline, Transform, type Readable } from "node:stream";
import { constants, createGunzip, createZstdDecompress } from "node:zlib";
import { StoreError } from "../errors/index.ts";
import { checkPath, PathSet, shownPath, type ArchiveFormat } from "../packages/index.ts";
import { archiveFault, archiveTooLarge } from "./archive-fault.ts";
import { readTar, type RawEntry } from "./read-tar.ts";
import { readZip } from "./read-zip.ts";

export interface ArchiveLimits {
  /** Files; folders and files together may be twice as many. */
  readonly files: number;
  /** Of all files together, and of the packed archive. */
  readonly bytes: number;
  /** How many times larger than the packed bytes the files may be, beyond the first 16 MiB. */
  readonly ratio: number;
}

/** A plain file with a path that has been checked. */
export interface ArchiveEntry {
  readonly path: string;
  readonly size: number;
  /** To be read to its end before the next entry is asked for. */
  readonly bytes: AsyncIterable<Uint8Array>;
}

const unsuspicious = 16 * 1024 * 1024;

/** Counts what goes through; more than `most` bytes are refused. */
class Counter extends Transform {
  bytes = 0;
  readonly #most: number;

  constructor(most: number) {
    super();
    this.#most = most;
  }

  override _transform(chunk: Uint8Array, _: unknown, done: (error: Error | null, chunk?: Uint8Array) => void): void {
    this.bytes += chunk.byteLength;
    if (this.bytes > this.#most) done(archiveTooLarge(`the archive has more than ${this.#most} bytes`));
    else done(null, chunk);
  }
}

function unpacked(source: Readable, format: ArchiveFormat, counter: Counter): Readable {
  if (format === "tar" || format === "zip") return pipeline(source, counter, () => undefined);
  const unpacker =
    format === "tar+gzip"
      ? createGunzip()
      : createZstdDecompress({
          // What `zstd -19` makes needs 8 MiB; what `--ultra --long=31` makes would need 2 GiB of memory.
          params: { [constants.ZSTD_d_windowLogMax]: 25 },
        });
  return pipeline(source, counter, unpacker, () => undefined);
}

/** What goes wrong below is the archive's fault, unless the store says something else. */
function faultOf(error: unknown, what = "the archive"): unknown {
  if (error instanceof StoreError) return error;
  if (!(error instanceof Error)) return error;
  const code = "code" in error ? String(error.code) : "";
  // The disk's, not the archive's.
  if (code === "ENOSPC") return new StoreError("STORAGE_FULL", "no room to look at the archive", { cause: error });
  if (/^E[A-Z]+$/.test(code) && code !== "ECONNRESET" && code !== "EPIPE") return error;
  return archiveFault(`${what} cannot be read: ${error.message}`, error);
}

/**
 * The files of an archive, in its order, while it comes in; memory does not grow with it.
 * @throws StoreError ARCHIVE_INVALID, PATH_INVALID, TOO_LARGE, STORAGE_FULL; the message names the entry
 */
export async function* readArchive(
  source: Readable,
  format: ArchiveFormat,
  how: { readonly limits: ArchiveLimits; readonly spool: string },
): AsyncGenerator<ArchiveEntry, void, undefined> {
  const { limits } = how;
  const mostEntries = limits.files * 2;
  const counter = new Counter(limits.bytes);
  const stream = unpacked(source, format, counter);
  const guard = new Guard(limits, () => counter.bytes);
  try {
    const chunks = stream as AsyncIterable<Uint8Array>;
    const entries = format === "zip" ? readZip(chunks, how.spool, mostEntries) : readTar(guard.packed(chunks));
    for await (const entry of entries) {
      const path = guard.entry(entry);
      if (path === undefined) {
        for await (const _ of entry.bytes) throw archiveFault(`${shownPath(entry.name)} is a folder that has bytes`);
        continue;
      }
      yield { path, size: entry.size, bytes: guard.bytes(entry) };
    }
  } catch (error) {
    throw faultOf(error);
  } finally {
    stream.destroy();
    source.destroy();
  }
}

/** The limits of one archive. */
class Guard {
  readonly #limits: ArchiveLimits;
  readonly #packed: () => number;
  readonly #paths = new PathSet();
  #entries = 0;
  #files = 0;
  #bytes = 0;
  #unpacked = 0;

  constructor(limits: ArchiveLimits, packed: () => number) {
    this.#limits = limits;
    this.#packed = packed;
  }

  /** The path of a file; undefined for a folder, which comes with its files. */
  entry({ name, isFolder, size }: RawEntry): string | undefined {
    const { files, bytes } = this.#limits;
    if (++this.#entries > files * 2) throw archiveTooLarge(`the archive has more than ${files * 2} entries`);
    // `tar c .` calls everything ./something.
    const plain = name.replace(/^(?:\.\/+)+/, "");
    const path = isFolder ? plain.replace(/\/+$/, "") : plain;
    if (isFolder && (path === "" || path === ".")) return undefined;
    checkPath(path);
    if (isFolder) return undefined;
    if (++this.#files > files)
      throw archiveTooLarge(`the archive has more than ${files} files; ${shownPath(path)} is one too many`);
    if (this.#bytes + size > bytes) {
      throw archiveTooLarge(`${shownPath(path)} would make it more than ${bytes} bytes in all files of the archive`);
    }
    this.#bytes += size;
    const met = this.#paths.add(path);
    if (met === undefined) return path;
    throw archiveFault(
      met === path
        ? `${shownPath(path)} is in the archive twice`
        : `${shownPath(path)} would meet ${shownPath(met)} in a file system that tells neither case nor Unicode forms apart, or as file and folder`,
    );
  }

  /** The bytes of a file, exactly as many as were announced. */
  async *bytes(entry: RawEntry): AsyncGenerator<Uint8Array, void, undefined> {
    const shown = shownPath(entry.name);
    let came = 0;
    try {
      for await (const part of entry.bytes) {
        came += part.byteLength;
        if (came > entry.size) throw archiveFault(`${shown} has more bytes than the archive says`);
        this.#count(part.byteLength, `at ${shown}`);
        yield part;
      }
    } catch (error) {
      throw faultOf(error, shown);
    }
    if (came < entry.size) throw archiveFault(`${shown} has fewer bytes than the archive says`);
  }

  /** What a packed tar unpacks to counts also where it is no file's. */
  async *packed(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    let overhead = 0;
    for await (const chunk of chunks) {
      overhead += chunk.byteLength;
      this.#expanded(overhead, "in what stands between its files");
      yield chunk;
    }
  }

  #count(bytes: number, where: string): void {
    this.#unpacked += bytes;
    this.#expanded(this.#unpacked, where);
  }

  #expanded(bytes: number, where: string): void {
    const { ratio } = this.#limits;
    if (bytes <= unsuspicious || bytes <= ratio * this.#packed()) return;
    throw archiveTooLarge(
      `the archive unpacks to more than ${ratio} times its own size ${where}: pack it less, or add its files one by one`,
    );
  }
}
