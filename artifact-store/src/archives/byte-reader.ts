import { archiveFault } from "./archive-fault.ts";

/** Takes so many bytes at a time from chunks of any size, and holds no more than one chunk and what is asked for. */
export class ByteReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** The next chunk, of at most `most` bytes; undefined at the end. */
  async some(most: number): Promise<Uint8Array | undefined> {
    while (this.#rest.byteLength === 0) {
      const next = await this.#chunks.next();
      if (next.done === true) return undefined;
      this.#rest = next.value;
    }
    const part = this.#rest.subarray(0, most);
    this.#rest = this.#rest.subarray(part.byteLength);
    return part;
  }

  /** Exactly `length` bytes; undefined when the stream ends before the first of them. */
  async exactly(length: number, what: string): Promise<Buffer | undefined> {
    const parts: Uint8Array[] = [];
    let have = 0;
    while (have < length) {
      const part = await this.some(length - have);
      if (part === undefined) {
        if (have === 0) return undefined;
        throw archiveFault(`the archive is truncated: it ends in ${what}`);
      }
      parts.push(part);
      have += part.byteLength;
    }
    return Buffer.concat(parts, have);
  }

  async *stream(length: number, what: string): AsyncGenerator<Uint8Array, void, undefined> {
    for (let left = length; left > 0;) {
      const part = await this.some(left);
      if (part === undefined) throw archiveFault(`the archive is truncated: it ends in ${what}`);
      left -= part.byteLength;
      yield part;
    }
  }
}
