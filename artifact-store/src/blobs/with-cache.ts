import { Readable, type Writable } from "node:stream";
import { algorithmOf, digestOf } from "../digest/index.ts";
import { StoreError } from "../errors/index.ts";
import type { BlobBackend, BlobReader, ByteRange } from "./contract.ts";
import { written } from "./file-reader.ts";
import { digestOfKey, type BlobKey } from "./key.ts";

export interface CacheLimits {
  /** Of all blobs together. */
  readonly bytes: number;
  /** Of one blob: a larger one is read from its place each time. */
  readonly blobBytes: number;
}

/** Bytes that are in memory. */
class HeldReader implements BlobReader {
  readonly size: number;
  readonly held: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.held = bytes;
    this.size = bytes.byteLength;
  }

  stream(range?: ByteRange): Readable {
    // A copy: who gets a buffer from a stream may give its memory away.
    const part = this.#part(range).slice();
    return Readable.from(part.byteLength === 0 ? [] : [part], { objectMode: false });
  }

  async copyTo(destination: Writable, range?: ByteRange): Promise<void> {
    const part = this.#part(range);
    if (part.byteLength > 0) await written(destination, part);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #part(range: ByteRange | undefined): Uint8Array {
    return range === undefined ? this.held : this.held.subarray(range.start, range.end + 1);
  }
}

/**
 * Keeps small blobs in memory that were read lately, the ones read longest ago going first. What lies under a key never
 * changes but by a commit, which this process makes itself and which forgets the old bytes: a blob that is pushed again
 * because it was damaged is read anew. Nobody is asked here whether the blob still exists or who may read it: the catalog
 * was, before. The same contract in and out.
 *
 * Only bytes that have the digest of their key are kept or given: a damaged file or object is BLOB_DAMAGED, each time anew.
 * Who asks for what is being read already waits for that one reading.
 */
export function withCache(backend: BlobBackend, limits: CacheLimits): BlobBackend {
  /** In the order of their last use. */
  const held = new Map<BlobKey, Uint8Array>();
  let total = 0;
  const forget = (key: BlobKey): void => {
    total -= held.get(key)?.byteLength ?? 0;
    held.delete(key);
  };
  /** What is being read now; undefined for what is not to be kept. */
  const reading = new Map<BlobKey, Promise<Uint8Array | undefined>>();
  /** After a commit and a removal: what was read before it, or is being read, must not be given after it. */
  const changed = (key: BlobKey): void => {
    forget(key);
    reading.delete(key);
  };
  const keep = (key: BlobKey, bytes: Uint8Array): void => {
    held.set(key, bytes);
    total += bytes.byteLength;
    for (const [oldest] of held) {
      if (total <= limits.bytes) break;
      forget(oldest);
    }
  };
  /** The reader of what is not kept; the bytes of what is. */
  const read = async (key: BlobKey): Promise<BlobReader | undefined> => {
    const { promise: mine, resolve: tellOthers } = Promise.withResolvers<Uint8Array | undefined>();
    reading.set(key, mine);
    let found: Uint8Array | undefined;
    try {
      const reader = await backend.openBlob(key);
      if (reader === undefined || reader.size > limits.blobBytes || digestOfKey(key) === undefined) return reader;
      found = await verified(key, reader);
      // Else a commit or a removal came between.
      if (reading.get(key) === mine) keep(key, found);
      return new HeldReader(found);
    } finally {
      if (reading.get(key) === mine) reading.delete(key);
      tellOthers(found);
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
      const others = reading.get(key);
      const theirs = others === undefined ? undefined : await others;
      return theirs === undefined ? await read(key) : new HeldReader(theirs);
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

/** @throws StoreError BLOB_DAMAGED */
async function verified(key: BlobKey, reader: BlobReader): Promise<Uint8Array> {
  const bytes = new Uint8Array(reader.size);
  let end = 0;
  for await (const chunk of reader.stream()) {
    bytes.set(chunk as Uint8Array, end);
    end += (chunk as Uint8Array).byteLength;
  }
  const digest = digestOfKey(key);
  const actual = digestOf(bytes, digest && algorithmOf(digest));
  if (actual === digest) return bytes;
  throw new StoreError("BLOB_DAMAGED", `the bytes of ${digest} have the digest ${actual}: push it again to heal it`);
}
