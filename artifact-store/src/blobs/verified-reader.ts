import { Readable, type Writable } from "node:stream";
import { algorithmOf, type Digest, type HashPool } from "../digest/index.ts";
import { StoreError } from "../errors/index.ts";
import { incomingChunks, release } from "../streams/index.ts";
import type { BlobReader, ByteRange } from "./contract.ts";
import { written } from "./file-reader.ts";

/**
 * A reader whose bytes are hashed while they flow. The last piece is given only when the digest is right, so nobody takes
 * wrong bytes for the whole: a stream ends with BLOB_DAMAGED, and so does a copy. A part of a blob has no digest, and is given
 * as it lies.
 */
export class VerifiedReader implements BlobReader {
  readonly size: number;
  readonly #inner: BlobReader;
  readonly #digest: Digest;
  readonly #pool: HashPool;
  readonly #onDamage: (detail: string) => Promise<void>;
  readonly #onEnd: () => void;

  constructor(
    inner: BlobReader,
    init: {
      readonly digest: Digest;
      readonly pool: HashPool;
      /** Awaited before the stream fails: who hears of the damage finds it written down. */
      readonly onDamage: (detail: string) => Promise<void>;
      /** When nothing more will be found; may come twice. */
      readonly onEnd: () => void;
    },
  ) {
    this.size = inner.size;
    this.#inner = inner;
    this.#digest = init.digest;
    this.#pool = init.pool;
    this.#onDamage = init.onDamage;
    this.#onEnd = init.onEnd;
  }

  stream(range?: ByteRange): Readable {
    if (this.#isPart(range)) {
      this.#onEnd();
      return this.#inner.stream(range);
    }
    const stream = Readable.from(this.#verified(), { objectMode: false });
    // Also when it is destroyed before its first byte, of which its source hears nothing.
    stream.once("close", () => void this.close().catch(() => undefined));
    return stream;
  }

  async copyTo(destination: Writable, range?: ByteRange): Promise<void> {
    if (this.#isPart(range)) {
      this.#onEnd();
      return await this.#inner.copyTo(destination, range);
    }
    try {
      for await (const chunk of this.#verified()) {
        await written(destination, chunk);
        release(chunk);
      }
    } finally {
      await this.close();
    }
  }

  async close(): Promise<void> {
    this.#onEnd();
    await this.#inner.close();
  }

  #isPart(range: ByteRange | undefined): boolean {
    return range !== undefined && (range.start > 0 || range.end < this.size - 1);
  }

  async *#verified(): AsyncGenerator<Uint8Array> {
    const source = this.#inner.stream();
    const hasher = this.#pool.hasher(algorithmOf(this.#digest));
    let last: Uint8Array | undefined;
    try {
      for await (const chunk of incomingChunks(source)) {
        await hasher.update(chunk);
        if (last !== undefined) yield last;
        last = chunk;
      }
      const actual = await hasher.digest();
      if (actual !== this.#digest) {
        const detail = `the bytes of ${this.#digest} have the digest ${actual}: push it again to heal it`;
        await this.#onDamage(detail);
        throw new StoreError("BLOB_DAMAGED", detail);
      }
      if (last !== undefined) yield last;
    } finally {
      hasher.drop();
      source.destroy();
    }
  }
}
