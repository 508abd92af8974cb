import { randomUUID } from "node:crypto";
import { inParallel } from "@waybill/foundation/concurrency";
import type { BlobBackend } from "../blobs/index.ts";
import { everyBlob, everyUpload, keyOfBlob, sizeOfBlobs, type Catalog, type NamedBlob } from "../catalog/index.ts";
import { algorithmOf, type Digest, type HashPool } from "../digest/index.ts";
import { StoreError } from "../errors/index.ts";

export interface RelocationProgress {
  /** Blobs looked at, of those that there were at the start; more may have come since, which need not be moved. */
  readonly blobs: number;
  readonly ofBlobs: number;
  /** Bytes that are in the new place, copied now or before. */
  readonly bytes: number;
  readonly ofBytes: number;
}

export interface RelocationResult {
  /** Copied by this run, and verified while they were. */
  readonly copied: number;
  readonly bytesCopied: number;
  /** Were there already: of an earlier run, or written there by a push. */
  readonly present: number;
  /** Unfinished uploads that were taken over. */
  readonly uploads: number;
  /** Not to be read, or not what their digest says. They stay where they are, and are damaged in the new place. */
  readonly damaged: readonly { readonly digest: Digest; readonly detail: string }[];
}

export interface RelocationOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: RelocationProgress) => void;
}

export interface RelocationParts {
  readonly catalog: Catalog;
  readonly to: BlobBackend;
  readonly from: BlobBackend;
  readonly pool: HashPool;
  /** Takes an unfinished upload over, if it is still in the old place. */
  readonly takeOver: (id: string) => Promise<void>;
  /** Called once, when the old place has nothing that is needed. */
  readonly left: () => Promise<void>;
}

const atOnce = 4;

type Outcome = { readonly kind: "copied" | "present" | "gone" } | { readonly kind: "damaged"; readonly detail: string };

/**
 * One move. May be stopped at any moment, also by kill -9, and begun again: what is in the new place with its full size was
 * written there whole, because a commit is all or nothing.
 *
 * One pass over the catalog is enough: a blob that is named after the start of the move was written to the new place.
 */
export class Relocation {
  readonly #parts: RelocationParts;
  readonly #closing = new AbortController();
  #running: Promise<RelocationResult> | undefined;

  constructor(parts: RelocationParts) {
    this.#parts = parts;
  }

  /**
   * Copies what is not there yet, takes over unfinished uploads, and ends the move. Rejects when a place cannot be reached,
   * or at `signal`; run it again then. Who calls while it runs gets the same run.
   */
  async run(options: RelocationOptions = {}): Promise<RelocationResult> {
    this.#running ??= this.#run(options).finally(() => (this.#running = undefined));
    return await this.#running;
  }

  /** Stops a run. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running?.catch(() => undefined);
  }

  async #run(options: RelocationOptions): Promise<RelocationResult> {
    const { catalog, left } = this.#parts;
    const { onProgress } = options;
    const closing = this.#closing.signal;
    const signal = options.signal === undefined ? closing : AbortSignal.any([options.signal, closing]);
    const all = await sizeOfBlobs(catalog);
    const done = { copied: 0, bytesCopied: 0, present: 0, blobs: 0, bytes: 0 };
    const damaged: { readonly digest: Digest; readonly detail: string }[] = [];
    await inParallel(everyBlob(catalog), atOnce, async (blob) => {
      signal.throwIfAborted();
      const outcome = await this.#move(blob);
      done.blobs++;
      done.bytes += blob.size;
      if (outcome.kind === "copied") {
        done.copied++;
        done.bytesCopied += blob.size;
      } else if (outcome.kind === "present") done.present++;
      else if (outcome.kind === "damaged") damaged.push({ digest: blob.digest, detail: outcome.detail });
      onProgress?.({ blobs: done.blobs, ofBlobs: all.blobs, bytes: done.bytes, ofBytes: all.bytes });
    });
    const uploads = await this.#moveUploads(signal);
    await left();
    const { copied, bytesCopied, present } = done;
    return { copied, bytesCopied, present, uploads, damaged };
  }

  async #move(blob: NamedBlob): Promise<Outcome> {
    const outcome = await this.#copy(blob);
    if (outcome.kind !== "damaged") return outcome;
    // Deleted meanwhile, or pushed again, which put it into the new place. A copy that was made for nothing is found by the
    // collection like any other bytes without a name.
    const now = await keyOfBlob(this.#parts.catalog, blob.digest);
    if (now === blob.key) return outcome;
    return now === undefined ? { kind: "gone" } : { kind: "present" };
  }

  async #copy({ digest, key, size }: NamedBlob): Promise<Outcome> {
    const { to, from, pool } = this.#parts;
    if ((await to.blobSize(key)) === size) return { kind: "present" };
    const reader = await from.openBlob(key);
    if (reader === undefined) return { kind: "damaged", detail: "there are no bytes of it in the old place" };
    const id = randomUUID();
    const hasher = pool.hasher(algorithmOf(digest));
    const writer = await to.beginStage(id, key);
    try {
      let isReadable = true;
      try {
        for await (const chunk of reader.stream()) {
          const bytes = chunk as Uint8Array;
          isReadable = false;
          await writer.write([bytes]);
          await hasher.update(bytes);
          isReadable = true;
        }
      } catch (error) {
        if (!isReadable || error instanceof StoreError) throw error;
        return { kind: "damaged", detail: `it cannot be read: ${String(error)}` };
      }
      const actual = await hasher.digest();
      if (actual !== digest) return { kind: "damaged", detail: `its bytes have the digest ${actual}` };
      const lies = await writer.commit(key);
      if (lies === key) return { kind: "copied" };
      throw new Error(`${to.place} put ${key} under ${lies}`);
    } finally {
      hasher.drop();
      await reader.close();
      await writer.close();
      await to.dropStage(id);
    }
  }

  /** Those that the catalog knows; others belong to nobody. A list of the old place might not show the latest yet. */
  async #moveUploads(signal: AbortSignal): Promise<number> {
    const { catalog, from, takeOver } = this.#parts;
    let taken = 0;
    for await (const id of everyUpload(catalog)) {
      signal.throwIfAborted();
      if ((await from.stageSize(id)) === undefined) continue;
      try {
        await takeOver(id);
        taken++;
      } catch (error) {
        // Ended or given up meanwhile.
        if (!(error instanceof StoreError && error.code === "BLOB_UPLOAD_UNKNOWN")) throw error;
      }
    }
    return taken;
  }
}
