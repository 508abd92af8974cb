import type { BlobKey } from "../blobs/index.ts";

/**
 * Which digests, and keys that are not named by digest, are being written now, between the choice of a key and the commit that names it. In that time the bytes
 * are at a place that no row protects yet, so a blob of the digest must not go from condemned to deleting. In memory,
 * because one process at a time has the store: a lock on its folder, or a lease, sees to that.
 */
export class Writing {
  readonly #writers = new Map<BlobKey, number>();
  readonly #deciding = new Map<BlobKey, Promise<unknown>>();

  /** Waits for a decision about this digest that is under way; any number write at once. */
  async write<T>(digest: BlobKey, work: () => Promise<T>): Promise<T> {
    for (;;) {
      const decision = this.#deciding.get(digest);
      if (decision === undefined) break;
      await decision.catch(() => undefined);
    }
    this.#writers.set(digest, (this.#writers.get(digest) ?? 0) + 1);
    try {
      return await work();
    } finally {
      const left = (this.#writers.get(digest) ?? 1) - 1;
      if (left === 0) this.#writers.delete(digest);
      else this.#writers.set(digest, left);
    }
  }

  /** Runs while nobody writes the digest; undefined, and at once, when somebody does, or another decision is under way. */
  async decide<T>(digest: BlobKey, work: () => Promise<T>): Promise<T | undefined> {
    if (this.#writers.has(digest) || this.#deciding.has(digest)) return undefined;
    const decision = work();
    this.#deciding.set(digest, decision);
    try {
      return await decision;
    } finally {
      this.#deciding.delete(digest);
    }
  }
}
