import { Readable, type Writable } from "node:stream";
import { incomingChunks, release } from "../streams/index.ts";
import type { BlobReader, ByteRange } from "./contract.ts";
import { written } from "./file-reader.ts";
import type { ObjectBody, ObjectBucket } from "./object-bucket.ts";

/** A body that breaks so often without one byte in between will not come. */
const mostBreaks = 5;

/**
 * One object that is being read. The request for all of it is under way from the start, so that a pull is one request;
 * a range asks anew. A connection that breaks in the middle is gone on with from the next byte: what lies under a key never
 * changes.
 */
export class S3Reader implements BlobReader {
  readonly size: number;
  readonly #bucket: ObjectBucket;
  readonly #path: string;
  #whole: Readable | undefined;

  constructor(bucket: ObjectBucket, path: string, whole: ObjectBody) {
    this.size = whole.size;
    this.#bucket = bucket;
    this.#path = path;
    this.#whole = whole.body;
  }

  stream(range?: ByteRange): Readable {
    return Readable.from(this.#bytes(...this.#wanted(range)), { objectMode: false });
  }

  async copyTo(destination: Writable, range?: ByteRange): Promise<void> {
    for await (const chunk of this.#bytes(...this.#wanted(range))) {
      await written(destination, chunk);
      release(chunk);
    }
  }

  close(): Promise<void> {
    this.#whole?.destroy();
    this.#whole = undefined;
    return Promise.resolve();
  }

  /** What is to be read, and the body that is under way if that has it. */
  #wanted(range: ByteRange | undefined): [ByteRange, Readable | undefined] {
    const first = this.#whole;
    this.#whole = undefined;
    const all = { start: 0, end: this.size - 1 };
    const wanted = range ?? all;
    if (wanted.start === all.start && wanted.end === all.end) return [wanted, first];
    first?.destroy();
    return [wanted, undefined];
  }

  async *#bytes(range: ByteRange, first: Readable | undefined): AsyncGenerator<Uint8Array> {
    let position = range.start;
    let body = first;
    for (let breaks = 0; position <= range.end || body !== undefined;) {
      body ??= (await this.#bucket.get(this.#path, { start: position, end: range.end }))?.body;
      if (body === undefined) throw new Error(`the blob was removed after ${position} of ${this.size} bytes were read`);
      try {
        for await (const chunk of incomingChunks(body)) {
          position += chunk.byteLength;
          breaks = 0;
          yield chunk;
        }
        if (position <= range.end) throw new Error(`the object ends after ${position} of ${this.size} bytes`);
      } catch (error) {
        if (++breaks > mostBreaks) throw error;
      } finally {
        body.destroy();
        body = undefined;
      }
    }
  }
}
