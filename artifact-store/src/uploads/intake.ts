import type { StageWriter } from "../blobs/index.ts";
import type { Hasher } from "../digest/index.ts";
import { StoreError } from "../errors/index.ts";
import { release } from "../streams/index.ts";
import { Slabs } from "./slabs.ts";

export interface ByteSource {
  readonly chunks: AsyncIterable<Uint8Array>;
  /**
   * The chunks are the store's: each is empty after the next was asked for, and its memory free at once rather than when the
   * garbage collector comes. Only for a producer that never touches a chunk again, as a socket is.
   */
  readonly givenAway?: boolean;
  /** How many bytes it must have; SIZE_INVALID otherwise. */
  readonly length?: number;
  /** How many bytes it may have at most; SIZE_INVALID beyond. */
  readonly most?: number;
}

export interface Taken {
  /** The offset behind the last byte; up to there everything is written and hashed. */
  readonly end: number;
  /** Set when the source failed or gave too little: UPLOAD_TRUNCATED, SIZE_INVALID. */
  readonly broken: StoreError | undefined;
}

/** In a long write a boundary is made after so many bytes: what came before outlives the process. */
export interface Boundary {
  readonly everyBytes: number;
  /** Everything that was taken is written and hashed when this is called, and nothing more until it resolves. */
  make(): Promise<void>;
}

/** What all uploads together may hold before they write, and the bounds for one. */
const heldBytes = 4 * 1024 * 1024;
const largestBatch = 1024 * 1024;
const smallestBatch = 32 * 1024;
const manyUploads = 8;

/** Moves bytes from sources to stages and hashers. One per store, because the memory it bounds is that of all uploads. */
export class Intake {
  #active = 0;
  readonly #slabs = new Slabs();
  readonly #largestBlob: number;

  constructor(options: { readonly largestBlobBytes: number }) {
    this.#largestBlob = options.largestBlobBytes;
  }

  /**
   * Writes and hashes everything that the source gives, starting at `offset` of the blob. While one batch is written and
   * hashed, both at once, the next one gathers; when that is full, too, the source is not asked for more.
   *
   * @throws StoreError SIZE_INVALID, TOO_LARGE, STORAGE_FULL
   */
  async takeIn(
    source: ByteSource,
    offset: number,
    writer: StageWriter,
    hasher: Hasher,
    boundary?: Boundary,
  ): Promise<Taken> {
    const room = Math.min(
      source.length ?? Number.MAX_SAFE_INTEGER,
      source.most ?? Number.MAX_SAFE_INTEGER,
      this.#largestBlob - offset,
    );
    let slab: Buffer | undefined;
    let held = 0;
    let taken = 0;
    let bounded = 0;
    let flushing: Promise<void> = Promise.resolve();
    const flush = async (): Promise<void> => {
      await flushing;
      if (slab === undefined) return;
      const full = slab;
      flushing = store(full.subarray(0, held), writer, hasher).finally(() => this.#slabs.give(full));
      slab = undefined;
      held = 0;
      flushing.catch(() => undefined); // met by the next one, or below
      // Among many uploads there is always one that has something to write: none needs to gather ahead.
      if (this.#active > manyUploads) await flushing;
    };
    this.#active++;
    try {
      let broken: StoreError | undefined;
      const chunks = source.chunks[Symbol.asyncIterator]();
      for (;;) {
        let next: IteratorResult<Uint8Array, unknown>;
        try {
          next = await chunks.next();
        } catch (error) {
          broken = truncated(error);
          break;
        }
        if (next.done === true) break;
        if (taken + next.value.byteLength > room) {
          await chunks.return?.();
          throw this.#tooMuch(source, room);
        }
        taken += next.value.byteLength;
        for (let rest = next.value; rest.byteLength > 0;) {
          slab ??= this.#slabs.take(this.#batchBytes());
          const part = rest.subarray(0, slab.byteLength - held);
          // Copies: for shared memory three times as fast as `set` and `copy`, which guard each word against other threads.
          slab.fill(part, held, held + part.byteLength);
          held += part.byteLength;
          rest = rest.subarray(part.byteLength);
          if (held === slab.byteLength) await flush();
        }
        if (source.givenAway === true) release(next.value);
        if (boundary !== undefined && taken - bounded >= boundary.everyBytes) {
          await flush();
          await flushing;
          await boundary.make();
          bounded = taken;
        }
      }
      await flush();
      await flushing;
      if (broken === undefined && source.length !== undefined && taken < source.length) {
        broken = new StoreError("SIZE_INVALID", `${source.length} bytes were announced, ${taken} came`);
      }
      return { end: offset + taken, broken };
    } finally {
      this.#active--;
      if (slab !== undefined) this.#slabs.give(slab);
      await flushing.catch(() => undefined);
    }
  }

  /** A power of two, so that few sizes are in use. */
  #batchBytes(): number {
    const share = 2 ** Math.floor(Math.log2(heldBytes / this.#active));
    return Math.max(smallestBatch, Math.min(largestBatch, share));
  }

  #tooMuch(source: ByteSource, room: number): StoreError {
    return room === source.length || room === source.most
      ? new StoreError("SIZE_INVALID", `${room} bytes were announced, and more came`)
      : new StoreError("TOO_LARGE", `a blob may have at most ${this.#largestBlob} bytes`);
  }
}

function truncated(cause: unknown): StoreError {
  return new StoreError("UPLOAD_TRUNCATED", "the body ended before it was complete; what arrived is kept", { cause });
}

/** Both are waited for, also when one fails: until then the memory is theirs. */
async function store(bytes: Uint8Array, writer: StageWriter, hasher: Hasher): Promise<void> {
  for (const one of await Promise.allSettled([writer.write([bytes]), hasher.update(bytes)])) {
    if (one.status === "rejected") throw one.reason;
  }
}
