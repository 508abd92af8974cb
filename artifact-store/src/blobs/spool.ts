import { open, unlink, type FileHandle } from "node:fs/promises";
import type { Readable } from "node:stream";
import { FileBody } from "./file-body.ts";
import { told } from "./file-errors.ts";
import type { Sendable } from "./object-bucket.ts";

/** So much is held in memory; most blobs of an image's config and small layers never see the disk. */
const heldBytes = 128 * 1024;

/**
 * Bytes that gather until they are sent: in memory while few, then in a file of this machine. The file is nobody's promise
 * (what must survive is sent before it is promised); it is there because fifty uploads with a part each do not fit in
 * memory, and because what has to be sent again must be read again.
 */
export class Spool implements Sendable {
  readonly #path: string;
  #held: Uint8Array[] = [];
  #file: FileHandle | undefined;
  #size = 0;

  /** @param path of a file that is not there */
  constructor(path: string) {
    this.#path = path;
  }

  get size(): number {
    return this.#size;
  }

  /** Copies the bytes: the caller may use the memory for something else. */
  async append(bytes: Uint8Array): Promise<void> {
    if (bytes.byteLength === 0) return;
    if (this.#file === undefined && this.#size + bytes.byteLength <= heldBytes) {
      this.#held.push(Uint8Array.from(bytes));
    } else {
      const file = (this.#file ??= await this.#spill());
      await written(file, bytes, this.#size);
    }
    this.#size += bytes.byteLength;
  }

  /** What is there now, from the start. Small ones as one piece, so that the request is signed with its content. */
  open(): Readable | Uint8Array {
    const file = this.#file;
    if (file === undefined) return Buffer.concat(this.#held);
    return new FileBody(file, this.#size);
  }

  /** Harmless to repeat. */
  async remove(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    this.#held = [];
    this.#size = 0;
    if (file === undefined) return;
    await file.close();
  }

  async #spill(): Promise<FileHandle> {
    const file = await told(open(this.#path, "wx+", 0o600));
    // Without a name at once: however this process ends, the disk gets the room back.
    await unlink(this.#path);
    let position = 0;
    for (const held of this.#held) {
      await written(file, held, position);
      position += held.byteLength;
    }
    this.#held = [];
    return file;
  }
}

async function written(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.byteLength;) {
    const { bytesWritten } = await told(file.write(bytes, done, bytes.byteLength - done, position + done));
    done += bytesWritten;
  }
}
