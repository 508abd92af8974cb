import type { FileHandle } from "node:fs/promises";
import type { StageWriter } from "./contract.ts";
import { told } from "./file-errors.ts";
import type { BlobKey } from "./key.ts";

/**
 * After so many bytes the medium is told to begin: the fsync in the end then waits for the last of them only, and the
 * page cache does not fill with what is not written yet.
 */
const flushEvery = 32 * 1024 * 1024;

/** Appends to a stage's file. */
export class FileStageWriter implements StageWriter {
  readonly #file: FileHandle;
  readonly #name: (key: BlobKey) => Promise<void>;
  #unflushed = 0;
  #flush: Promise<void> | undefined;
  #failed: unknown;
  #closed: Promise<void> | undefined;

  /** @param name gives the synced file the blob's name, durably */
  constructor(file: FileHandle, name: (key: BlobKey) => Promise<void>) {
    this.#file = file;
    this.#name = name;
  }

  async size(): Promise<number> {
    return (await this.#file.stat()).size;
  }

  async write(chunks: readonly Uint8Array[]): Promise<void> {
    let rest = chunks.filter((chunk) => chunk.byteLength > 0);
    while (rest.length > 0) {
      const { bytesWritten } = await told(this.#file.writev(rest));
      this.#unflushed += bytesWritten;
      rest = after(rest, bytesWritten);
    }
    if (this.#unflushed >= flushEvery && this.#flush === undefined) {
      this.#unflushed = 0;
      this.#flush = this.#file.datasync().then(
        () => (this.#flush = undefined),
        // Kept and told at `close`: Linux tells a failed write-back once, and the fsync of the commit, through another
        // descriptor, would find nothing wrong.
        (error: unknown) => void (this.#failed = error),
      );
    }
  }

  /** Nothing to do: what a write handed to the operating system outlives this process. */
  flush(): Promise<void> {
    return Promise.resolve();
  }

  savedHash(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  async commit(key: BlobKey): Promise<BlobKey> {
    try {
      // The bytes reach the medium before any name promises them.
      await told(this.#file.sync());
    } finally {
      await this.close();
    }
    await this.#name(key);
    return key;
  }

  async close(): Promise<void> {
    this.#closed ??= (async () => {
      await this.#flush;
      await this.#file.close();
      if (this.#failed !== undefined)
        throw new Error("bytes of this upload were lost by the medium", { cause: this.#failed });
    })();
    await this.#closed;
  }
}

/** What a short write left: a nearly full disk takes a part and fails only at the next call. */
function after(chunks: readonly Uint8Array[], written: number): Uint8Array[] {
  let skip = written;
  const rest: Uint8Array[] = [];
  for (const chunk of chunks) {
    if (skip >= chunk.byteLength) skip -= chunk.byteLength;
    else {
      rest.push(chunk.subarray(skip));
      skip = 0;
    }
  }
  return rest;
}
