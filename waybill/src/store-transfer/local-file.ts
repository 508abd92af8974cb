import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { lstat, open, opendir, type FileHandle } from "node:fs/promises";
import { basename, join, relative, sep } from "node:path";
import { Readable } from "node:stream";
import { checkPath, PathSet, StoreError, type Digest } from "@waybill/artifact-store";
import { UserError } from "@waybill/foundation/errors";
import type { BlobSource } from "./send-blob.ts";

/** A plain file that goes into a package. */
export interface LocalFile {
  /** In the package. */
  readonly path: string;
  /** On this machine. */
  readonly source: string;
  readonly size: number;
}

export interface FileSet {
  /** In byte order of their paths. */
  readonly files: readonly LocalFile[];
  /** Links, devices, sockets and pipes that were left out. */
  readonly skipped: readonly string[];
}

/**
 * The plain files under these paths: of a folder everything in it, with paths relative to it; a file under its own name.
 * @param skipSpecial leave out what is no plain file, instead of refusing it
 * @throws UserError for what is not there, special files, paths that no package takes, and two that would meet
 */
export async function filesUnder(paths: readonly string[], skipSpecial: boolean): Promise<FileSet> {
  const files: LocalFile[] = [];
  const skipped: string[] = [];
  const taken = new PathSet();

  async function add(source: string, path: string): Promise<void> {
    const found = await lstat(source).catch((error: unknown) => {
      throw unreadable(source, error);
    });
    if (found.isDirectory()) {
      const folder = await opendir(source).catch((error: unknown) => {
        throw unreadable(source, error);
      });
      for await (const entry of folder)
        await add(join(source, entry.name), path === "" ? entry.name : `${path}/${entry.name}`);
      return;
    }
    if (!found.isFile()) {
      const kind = found.isSymbolicLink() ? "a symbolic link" : "a device, socket or pipe";
      if (!skipSpecial) {
        throw new UserError(
          `${source} is ${kind}: a package has plain files`,
          "Leave such files out with --skip-special, or put what they lead to in their place.",
        );
      }
      skipped.push(source);
      return;
    }
    const name = checkedPath(path === "" ? basename(source) : path);
    const met = taken.add(name);
    if (met !== undefined) {
      throw new UserError(`${name} and ${met} would meet in a file system that is not as exact as this one`);
    }
    files.push({ path: name, source, size: found.size });
  }

  for (const path of paths) await add(path, "");
  return { files: files.toSorted((a, b) => (a.path < b.path ? -1 : 1)), skipped };
}

function checkedPath(path: string): string {
  try {
    return checkPath(sep === "/" ? path : path.split(sep).join("/"));
  } catch (error) {
    throw error instanceof StoreError ? new UserError(error.message, "Rename it.") : error;
  }
}

function unreadable(source: string, error: unknown): UserError {
  const reason = error instanceof Error ? error.message : String(error);
  return new UserError(`${relative("", source) || source} cannot be read: ${reason}`);
}

/** Follows no link in the last step: what was a file when it was found must be one when it is read. */
const readOnly = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * Reads a file once for its digest. The digest is what will be sent: bytes that differ later are refused by the store.
 * @throws UserError when it changes meanwhile
 */
export async function blobOfFile(file: LocalFile, signal: AbortSignal): Promise<BlobSource> {
  const handle = await open(file.source, readOnly).catch((error: unknown) => {
    throw unreadable(file.source, error);
  });
  try {
    const before = await handle.stat({ bigint: true });
    const hash = createHash("sha256");
    let bytes = 0;
    for await (const chunk of reading(handle)) {
      signal.throwIfAborted();
      hash.update(chunk);
      bytes += chunk.byteLength;
    }
    const after = await handle.stat({ bigint: true });
    const same = before.mtimeNs === after.mtimeNs && before.ctimeNs === after.ctimeNs && before.size === after.size;
    if (!same || BigInt(bytes) !== after.size || !before.isFile()) throw changed(file.source);
    const digest = `sha256:${hash.digest("hex")}` as Digest;
    return { digest, size: bytes, open: (start, length) => readAgain(file.source, start, length ?? bytes - start) };
  } finally {
    await handle.close();
  }
}

function reading(handle: FileHandle): AsyncIterable<Uint8Array> {
  return handle.createReadStream({ autoClose: false, start: 0, highWaterMark: 1024 * 1024 });
}

function changed(source: string): UserError {
  return new UserError(`${source} changed while it was read`, "Run it again when nothing writes there any more.");
}

/** Bytes once more; fails when they have become fewer. */
function readAgain(source: string, start: number, length: number): Readable {
  return Readable.from(
    (async function* () {
      if (length === 0) return;
      const handle = await open(source, readOnly).catch((error: unknown) => {
        throw unreadable(source, error);
      });
      try {
        let read = 0;
        const range = { start, end: start + length - 1, autoClose: false, highWaterMark: 256 * 1024 };
        for await (const chunk of handle.createReadStream(range)) {
          read += (chunk as Uint8Array).byteLength;
          yield chunk as Uint8Array;
        }
        if (read !== length) throw changed(source);
      } finally {
        await handle.close();
      }
    })(),
  );
}
