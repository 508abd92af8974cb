import type { FileHandle } from "node:fs/promises";
import { Readable, type Writable } from "node:stream";
import { written } from "./file-reader.ts";

/** Read at once: a hundred parts on their way hold two of these each. */
const chunkBytes = 64 * 1024;

/**
 * The first bytes of a file. Piped, as the S3 client does it, they go through two buffers that take turns: fresh memory for each
 * read would wait for the garbage collector, tens of megabytes at a time.
 */
export class FileBody extends Readable {
  readonly #file: FileHandle;
  readonly #size: number;
  #position = 0;

  constructor(file: FileHandle, size: number) {
    super({ highWaterMark: chunkBytes });
    this.#file = file;
    this.#size = size;
  }

  override _read(): void {
    const buffer = Buffer.allocUnsafeSlow(chunkBytes);
    this.#next(buffer).then(
      (bytes) => this.push(bytes.byteLength === 0 ? null : bytes),
      (error: unknown) => this.destroy(error as Error),
    );
  }

  override pipe<T extends NodeJS.WritableStream>(destination: T): T {
    void this.#send(destination as unknown as Writable);
    return destination;
  }

  async #send(destination: Writable): Promise<void> {
    const buffers = [Buffer.allocUnsafeSlow(chunkBytes), Buffer.allocUnsafeSlow(chunkBytes)] as const;
    try {
      let sending: Promise<void> = Promise.resolve();
      for (let turn = 0; ; turn++) {
        const bytes = await this.#next(buffers[turn % 2 === 0 ? 0 : 1]);
        await sending;
        if (bytes.byteLength === 0) break;
        sending = written(destination, bytes);
        sending.catch(() => undefined); // met at the next turn
      }
      destination.end();
    } catch (error) {
      destination.destroy(error as Error);
    }
  }

  /** Empty behind the last byte. */
  async #next(buffer: Buffer): Promise<Buffer> {
    const wanted = Math.min(buffer.byteLength, this.#size - this.#position);
    if (wanted === 0) return buffer.subarray(0, 0);
    const { bytesRead } = await this.#file.read(buffer, 0, wanted, this.#position);
    if (bytesRead === 0) throw new Error("a file that bytes gather in became shorter");
    this.#position += bytesRead;
    return buffer.subarray(0, bytesRead);
  }
}
