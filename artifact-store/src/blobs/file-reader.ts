import { Readable, type Writable } from "node:stream";
import type { BlobReader, ByteRange } from "./contract.ts";
import type { OpenFile } from "./open-file.ts";

/** Large enough that a system call costs nothing beside it, small enough for hundreds of readers at once. */
const chunkBytes = 256 * 1024;

/** One open file. The file is closed when its stream or copy ends, or by `close`. */
export class FileReader implements BlobReader {
  readonly size: number;
  readonly #file: OpenFile;

  constructor(file: OpenFile) {
    this.size = file.size;
    this.#file = file;
  }

  stream(range?: ByteRange): Readable {
    let position = range?.start ?? 0;
    const end = (range?.end ?? this.size - 1) + 1;
    const next = async (): Promise<Uint8Array | null> => {
      if (position >= end) return null;
      const buffer = new Uint8Array(Math.min(chunkBytes, end - position));
      const bytesRead = await this.#read(buffer, buffer.byteLength, position);
      position += bytesRead;
      return bytesRead === buffer.byteLength ? buffer : buffer.slice(0, bytesRead);
    };
    const close = async (): Promise<void> => this.close();
    return new Readable({
      highWaterMark: chunkBytes,
      read() {
        void push(this, next);
      },
      destroy(error, done) {
        void closeThen(close, error, done);
      },
    });
  }

  async copyTo(destination: Writable, range?: ByteRange): Promise<void> {
    let position = range?.start ?? 0;
    const end = (range?.end ?? this.size - 1) + 1;
    // Two buffers take turns: one is read into while the socket empties the other. Nothing is allocated on the way.
    const size = Math.min(chunkBytes, end - position);
    const buffers = [new Uint8Array(size), new Uint8Array(end - position > size ? size : 0)] as const;
    let writing: Promise<void> = Promise.resolve();
    try {
      for (let turn = 0; position < end; turn++) {
        const buffer = buffers[turn % 2 === 0 ? 0 : 1];
        const bytesRead = await this.#read(buffer, Math.min(buffer.byteLength, end - position), position);
        position += bytesRead;
        await writing;
        writing = written(destination, buffer.subarray(0, bytesRead));
        writing.catch(() => undefined); // met at the next turn, or below
      }
      await writing;
    } finally {
      await this.close();
    }
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  async #read(into: Uint8Array, length: number, position: number): Promise<number> {
    const bytesRead = await this.#file.read(into, length, position);
    if (bytesRead === 0) throw new Error(`the file ends after ${position} of ${this.size} bytes`);
    return bytesRead;
  }
}

async function push(stream: Readable, next: () => Promise<Uint8Array | null>): Promise<void> {
  try {
    stream.push(await next());
  } catch (error) {
    stream.destroy(error instanceof Error ? error : new Error(String(error)));
  }
}

async function closeThen(
  close: () => Promise<void>,
  error: Error | null,
  done: (error: Error | null) => void,
): Promise<void> {
  let outcome = error;
  try {
    await close();
  } catch (failed) {
    outcome ??= failed instanceof Error ? failed : new Error(String(failed));
  }
  done(outcome);
}

/** Resolves when the destination has passed the bytes on and the buffer is free again. */
export function written(destination: Writable, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const closed = (): void => reject(new Error("the reader went away"));
    if (destination.destroyed) {
      closed();
      return;
    }
    destination.once("close", closed);
    destination.write(bytes, (error) => {
      destination.off("close", closed);
      if (error) reject(error);
      else resolve();
    });
  });
}
