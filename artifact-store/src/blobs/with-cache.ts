import { Readable, type Writable } from "node:stream";
import { buffer } from "node:stream/consumers";
import type { BlobBackend, BlobReader, ByteRange } from "./contract.ts";
import { written } from "./file-reader.ts";
import type { BlobKey } from "./key.ts";

export interface CacheLimits {
  /** Of all blobs together. */
  readonly bytes: number;
  /** Of one blob: a larger one is read from its place each time. */
  readonly blobBytes: number;
}

/** Bytes that are in memory. */
class HeldReader implements BlobReader {
  readonly size: number;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.size = bytes.byteLength;
  }

  stream(range?: ByteRange): Readable {
    const part = this.#part(range);
    return Readable.from(part.byteLength === 0 ? [] : [part], { objectMode: false });
  }

  async copyTo(destination: Writable, range?: ByteRange): Promise<void> {
    const part = this.#part(range);
    if (part.byteLength > 0) await written(destination, part);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** A copy: who gets a buffer may give its memory away. */
  #part(range: ByteRange | undefined): Uint8Array {
    return range === undefined ? this.#bytes.slice() : this.#bytes.slice(range.start, range.end + 1);
  }
}

/**
 * Keeps small blobs in memory that were read lately, the ones read longest ago going first. What lies under a key never
 * changes but by a commit, which this process makes itself and which forgets the old bytes: a blob that is pushed again
 * because it was damaged is read anew. The same contract in and out.
 */
export function withCache(backend: BlobBackend, limits: CacheLimits): BlobBackend {
  /** In the order of their last use. */
  const held = new Map<BlobKey, Uint8Array>();
  let total = 0;
  const forget = (key: BlobKey): void => {
    total -= held.get(key)?.byteLength ?? 0;
    held.delete(key);
  };
  /** One for each commit and removal: what was read before one must not be kept after it. */
  const changes = new Map<BlobKey, number>();
  let era = 0;
  const changed = (key: BlobKey): void => {
    forget(key);
    changes.set(key, ++era);
    if (changes.size <= 10_000) return;
    const oldest = changes.keys().next();
    if (oldest.done !== true) changes.delete(oldest.value);
  };
  const keep = (key: BlobKey, bytes: Uint8Array, since: number): void => {
    if ((changes.get(key) ?? 0) > since) return;
    forget(key);
    held.set(key, bytes);
    total += bytes.byteLength;
    for (const [oldest] of held) {
      if (total <= limits.bytes) break;
      forget(oldest);
    }
  };
  const watched = async (writer: ReturnType<BlobBackend["beginStage"]>): ReturnType<BlobBackend["beginStage"]> => {
    const inner = await writer;
    return {
      size: () => inner.size(),
      write: (chunks) => inner.write(chunks),
      flush: (hash) => inner.flush(hash),
      savedHash: () => inner.savedHash(),
      close: () => inner.close(),
      async commit(key) {
        try {
          const lies = await inner.commit(key);
          changed(lies);
          return lies;
        } finally {
          changed(key);
        }
      },
    };
  };
  return {
    place: backend.place,
    rereadsStages: backend.rereadsStages,
    shared: backend.shared,
    flushEveryBytes: backend.flushEveryBytes,
    beginStage: (id, key) => watched(backend.beginStage(id, key)),
    writeStage: (id) => watched(backend.writeStage(id)),
    stageSize: (id) => backend.stageSize(id),
    readStage: (id) => backend.readStage(id),
    dropStage: (id) => backend.dropStage(id),
    stages: () => backend.stages(),
    async openBlob(key) {
      const bytes = held.get(key);
      if (bytes !== undefined) {
        held.delete(key);
        held.set(key, bytes);
        return new HeldReader(bytes);
      }
      const since = era;
      const reader = await backend.openBlob(key);
      if (reader === undefined || reader.size > limits.blobBytes) return reader;
      const read = Uint8Array.from(await buffer(reader.stream()));
      keep(key, read, since);
      return new HeldReader(read);
    },
    blobSize: async (key) => held.get(key)?.byteLength ?? (await backend.blobSize(key)),
    async removeBlob(key) {
      changed(key);
      try {
        await backend.removeBlob(key);
      } finally {
        changed(key);
      }
    },
    blobs: (first, count) => backend.blobs(first, count),
    isEmpty: () => backend.isEmpty(),
    identity: () => backend.identity(),
    identify: (text, before) => backend.identify(text, before),
    check: () => backend.check(),
    async close() {
      held.clear();
      await backend.close();
    },
  };
}
