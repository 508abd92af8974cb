import { constants, createReadStream } from "node:fs";
import { open, stat, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import type { Digest } from "@waybill/artifact-store";
import { UserError } from "@waybill/foundation/errors";
import { blobPath, indexFile, layoutFile } from "./layout.ts";

/** Documents of a layout are held in memory; a manifest may have 4 MiB. */
const largestDocument = 64 * 1024 * 1024;
const blockBytes = 512;

/** An OCI image layout on this machine, a folder or a tar archive, that can be read in any order. */
export interface LayoutSource {
  index(): Promise<string>;
  /** Undefined when the layout has no such blob. */
  sizeOf(digest: Digest): Promise<number | undefined>;
  /** A blob that is a document. @throws UserError when it is missing or too large */
  document(digest: Digest): Promise<Buffer>;
  /** `length` bytes from `start` on. */
  open(digest: Digest, start: number, length: number): Readable;
  close(): Promise<void>;
}

/** @throws UserError when there is no layout */
export async function openLayout(path: string): Promise<LayoutSource> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined)
    throw new UserError(`there is nothing at ${path}`, "Name an OCI image layout: a folder or a .tar file.");
  if (found.isDirectory()) return folderSource(path);
  if (!found.isFile()) throw new UserError(`${path} cannot be read in any order`, "Write it to a file first.");
  return await tarSource(path);
}

async function smallFile(path: string): Promise<Buffer> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    () => undefined,
  );
  if (handle === undefined) throw new UserError(`the layout has no ${path}`, "Is this an OCI image layout?");
  try {
    const { size } = await handle.stat();
    if (size > largestDocument) throw new UserError(`${path} is too large for a document of a layout`);
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}

function folderSource(root: string): LayoutSource {
  const pathOf = (digest: Digest): string => join(root, blobPath(digest));
  return {
    async index() {
      await smallFile(join(root, layoutFile));
      return (await smallFile(join(root, indexFile))).toString("utf8");
    },
    sizeOf: async (digest) =>
      await stat(pathOf(digest)).then(
        (found) => (found.isFile() ? found.size : undefined),
        () => undefined,
      ),
    document: (digest) => smallFile(pathOf(digest)),
    open: (digest, start, length) => partOf(pathOf(digest), start, length),
    close: async () => undefined,
  };
}

function partOf(path: string, start: number, length: number): Readable {
  if (length === 0) return Readable.from([]);
  return createReadStream(path, { start, end: start + length - 1, highWaterMark: 256 * 1024 });
}

interface Piece {
  readonly start: number;
  readonly size: number;
}

/** Finds the archive's files by its headers; their content stays where it is. */
async function tarSource(path: string): Promise<LayoutSource> {
  const handle = await open(path, "r");
  try {
    const pieces = await piecesOf(handle, path);
    const piece = (name: string): Piece => {
      const found = pieces.get(name);
      if (found === undefined) throw new UserError(`${path} has no ${name}`, "Is this an OCI image layout, and whole?");
      return found;
    };
    const small = async ({ start, size }: Piece): Promise<Buffer> => {
      if (size > largestDocument) throw new UserError(`${path} has a document that is too large`);
      const bytes = Buffer.alloc(size);
      await readFully(handle, bytes, start, path);
      return bytes;
    };
    return {
      async index() {
        piece(layoutFile);
        return (await small(piece(indexFile))).toString("utf8");
      },
      sizeOf: async (digest) => pieces.get(blobPath(digest))?.size,
      document: async (digest) => await small(piece(blobPath(digest))),
      open: (digest, from, length) => partOf(path, piece(blobPath(digest)).start + from, length),
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function readFully(handle: FileHandle, into: Buffer, position: number, path: string): Promise<void> {
  let read = 0;
  while (read < into.byteLength) {
    const { bytesRead } = await handle.read(into, read, into.byteLength - read, position + read);
    if (bytesRead === 0) throw new UserError(`${path} ends early`, "Get it again: it is not whole.");
    read += bytesRead;
  }
}

/** Plain files by name, without a leading "./". Names of a layout are short: longer ones are none of it, and passed over. */
async function piecesOf(handle: FileHandle, path: string): Promise<ReadonlyMap<string, Piece>> {
  const { size: end } = await handle.stat();
  const pieces = new Map<string, Piece>();
  const header = Buffer.alloc(blockBytes);
  const text = (from: number, length: number): string =>
    header.toString("utf8", from, from + length).split("\0")[0] ?? "";
  for (let at = 0; at + blockBytes <= end;) {
    await readFully(handle, header, at, path);
    if (header.every((byte) => byte === 0)) break;
    if (at === 0 && header.readUInt16BE(0) === 0x1f8b) throw compressed(path);
    const size = sizeIn(header);
    const sum = header.reduce((total, byte, index) => total + (index >= 148 && index < 156 ? 0x20 : byte), 0);
    if (Number.isNaN(size) || Number.parseInt(text(148, 8).trim(), 8) !== sum) {
      throw new UserError(`${path} is no tar archive`, "Name an OCI image layout: a folder or a plain .tar file.");
    }
    const type = String.fromCharCode(header[156] ?? 0);
    const start = at + blockBytes;
    if (start + size > end) throw new UserError(`${path} ends early`, "Get it again: it is not whole.");
    const prefix = text(257, 6) === "ustar" ? text(345, 155) : "";
    const name = `${prefix === "" ? "" : `${prefix}/`}${text(0, 100)}`.replace(/^\.\//, "");
    if (type === "0" || type === "\0") pieces.set(name, { start, size });
    at = start + Math.ceil(size / blockBytes) * blockBytes;
  }
  return pieces;
}

/** Octal, or base 256 for what octal digits cannot hold (GNU). */
function sizeIn(header: Buffer): number {
  if (((header[124] ?? 0) & 0x80) === 0) {
    const digits = header.toString("latin1", 124, 136).replaceAll("\0", " ").trim();
    return digits === "" ? 0 : /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN;
  }
  const value = header.subarray(125, 136).reduce((sum, byte) => sum * 256 + byte, 0);
  return Number.isSafeInteger(value) ? value : Number.NaN;
}

function compressed(path: string): UserError {
  return new UserError(`${path} is compressed`, "Unpack it first: gunzip, or zstd -d.");
}
