import { pipeline, Readable, type PassThrough } from "node:stream";
import { createGzip, createZstdCompress } from "node:zlib";
import { ZipFile } from "yazl";
import type { ArchiveFormat } from "../packages/index.ts";
import { blockBytes, writeHeader, writePax } from "./tar-header.ts";

/** A file on its way into an archive. Its path has been checked. */
export interface FileToPack {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Called when it is the file's turn. */
  readonly open: () => Promise<Readable>;
}

/** Octal digits of a ustar header hold no more. */
const largestPlainSize = 8 * 1024 ** 3 - 1;

/** The earliest time that zip can say; its fields have no zone, so it is the same everywhere. */
const zipTime = new Date(1980, 0, 1);

/** @returns a stream that fails when a file does: whoever reads it never takes a part for the whole */
export function writeArchive(files: readonly FileToPack[], format: ArchiveFormat): Readable {
  if (format === "zip") return zipOf(files);
  const tar = Readable.from(tarOf(files), { objectMode: false });
  if (format === "tar") return tar;
  // Failures come out of the last stream.
  return pipeline(tar, format === "tar+gzip" ? createGzip() : createZstdCompress(), () => undefined);
}

function padding(size: number): Buffer {
  return Buffer.alloc((blockBytes - (size % blockBytes)) % blockBytes);
}

async function* tarOf(files: readonly FileToPack[]): AsyncGenerator<Uint8Array, void, undefined> {
  for (const { path, size, open } of files) {
    const records = {
      ...(Buffer.byteLength(path) > 100 || /[^\x20-\x7e]/.test(path) ? { path } : {}),
      ...(size > largestPlainSize ? { size: String(size) } : {}),
    };
    if (Object.keys(records).length > 0) {
      const pax = writePax(records);
      yield Buffer.concat([
        writeHeader({ name: "PaxHeader", size: pax.byteLength, type: "x" }),
        pax,
        padding(pax.byteLength),
      ]);
    }
    const name = "path" in records ? "file" : path;
    yield writeHeader({ name, size: Math.min(size, largestPlainSize), type: "0" });
    let sent = 0;
    for await (const chunk of await open()) {
      sent += (chunk as Uint8Array).byteLength;
      yield chunk as Uint8Array;
    }
    if (sent !== size) throw new Error(`${path} has ${sent} bytes instead of ${size}`);
    yield padding(size);
  }
  yield Buffer.alloc(2 * blockBytes);
}

function zipOf(files: readonly FileToPack[]): Readable {
  const zip = new ZipFile();
  const output = zip.outputStream as PassThrough;
  let current: Readable | undefined;
  zip.on("error", (error: Error) => output.destroy(error));
  output.once("close", () => current?.destroy());
  for (const { path, size, open } of files) {
    const options = { mtime: zipTime, mode: 0o100_644, size, forceDosTimestamp: true };
    zip.addReadStreamLazy(path, options, (opened) => {
      void (async () => {
        try {
          const stream = await open();
          current = stream;
          // The library waits for its end and not for its failure.
          stream.once("error", (error) => output.destroy(error));
          if (output.destroyed) stream.destroy();
          else opened(undefined, stream);
        } catch (error) {
          output.destroy(error instanceof Error ? error : new Error(String(error)));
        }
      })();
    });
  }
  zip.end();
  return output;
}
