import { createHash } from "node:crypto";
import { availableParallelism } from "node:os";
import type { Digest, DigestAlgorithm } from "./digest.ts";
import type { HashStart } from "./hash-protocol.ts";
import { HashThread } from "./hash-thread.ts";

/** One running digest over a stream. Calls come one after the other: each is awaited before the next. */
export interface Hasher {
  readonly algorithm: DigestAlgorithm;
  /**
   * Takes the next bytes, in order. Those in a SharedArrayBuffer are read where they lie, and it resolves when they are
   * hashed: until then nobody may write there. All others are copied, and it resolves when those before them are hashed,
   * so that no more than two calls' bytes wait. Rejects when the hashing thread is gone: the digest is lost, begin again
   * from the first byte.
   */
  update(bytes: Uint8Array): Promise<void>;
  /** The digest of all bytes so far; ends this hasher. */
  digest(): Promise<Digest>;
  /** Gives up; harmless after `digest`. */
  drop(): void;
}

/** A digest whose state can be saved at any byte, to go on in another process. Half to a fifth as fast as the other. */
export interface ResumableHasher extends Hasher {
  /** The state after all bytes so far. Only this program's `resumableHasher` knows what to do with it. */
  save(): Promise<Uint8Array>;
}

/** The digest of the first bytes of a stream, so that nobody has to read them again. */
export interface SavedHash {
  readonly algorithm: DigestAlgorithm;
  readonly state: Uint8Array;
}

/**
 * From so many bytes in the first call on, a stream is hashed on a thread. There and back costs 60 µs (measured), in which
 * SHA-256 does 16 KiB (without SHA instructions) to 100 KiB; but a first call of this size is mostly a large stream's.
 */
const worthAThread = 32 * 1024;

function hashHere(algorithm: DigestAlgorithm): Hasher {
  const hash = createHash(algorithm);
  return {
    algorithm,
    update(bytes) {
      hash.update(bytes);
      return Promise.resolve();
    },
    digest: () => Promise.resolve(`${algorithm}:${hash.digest("hex")}` as Digest),
    drop: () => undefined,
  };
}

/** A few hashing threads, started when the first large stream comes, shared by all streams. */
export class HashPool {
  readonly #threads: HashThread[] = [];
  readonly #limit: number;

  /** @param threads how many at most; the default leaves one processor to the thread that serves. */
  constructor(threads: number = Math.max(1, Math.min(4, availableParallelism() - 1))) {
    this.#limit = threads;
  }

  hasher(algorithm: DigestAlgorithm): Hasher {
    let inner: Hasher | undefined;
    return {
      algorithm,
      update: (bytes) => {
        inner ??=
          bytes.byteLength < worthAThread ? hashHere(algorithm) : this.#hashThere(algorithm, { kind: "native" });
        return inner.update(bytes);
      },
      digest: () => (inner ?? hashHere(algorithm)).digest(),
      drop: () => inner?.drop(),
    };
  }

  /**
   * A digest that can be saved. Node cannot export the state of its own, so this one is WebAssembly, always on a thread.
   * @param state what `save` answered; its first call rejects when it is anything else
   */
  resumableHasher(algorithm: DigestAlgorithm, state?: Uint8Array): ResumableHasher {
    return this.#hashThere(algorithm, { kind: "resumable", ...(state === undefined ? {} : { state }) });
  }

  /** Ends the threads. Digests that are still running reject. */
  async close(): Promise<void> {
    await Promise.all(this.#threads.splice(0).map((thread) => thread.close()));
  }

  #thread(): HashThread {
    for (const [index, thread] of this.#threads.entries()) if (thread.ended) this.#threads.splice(index, 1);
    const idlest = this.#threads.toSorted((a, b) => a.streams - b.streams)[0];
    if (idlest !== undefined && (idlest.streams === 0 || this.#threads.length >= this.#limit)) return idlest;
    const started = new HashThread();
    this.#threads.push(started);
    return started;
  }

  #hashThere(algorithm: DigestAlgorithm, how: HashStart): ResumableHasher {
    const thread = this.#thread();
    const id = thread.start(algorithm, how);
    let before: Promise<void> = Promise.resolve();
    return {
      algorithm,
      async update(bytes) {
        const previous = before;
        before = thread.update(id, bytes);
        before.catch(() => undefined); // told at the next call
        await (bytes.buffer instanceof SharedArrayBuffer ? before : previous);
      },
      async digest() {
        await before;
        return `${algorithm}:${await thread.end(id)}` as Digest;
      },
      async save() {
        await before;
        return await thread.save(id);
      },
      drop: () => thread.drop(id),
    };
  }
}
