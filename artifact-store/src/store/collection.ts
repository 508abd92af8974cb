import type { BlobBackend } from "../blobs/index.ts";
import { shardCount } from "../blobs/index.ts";
import type { Catalog } from "../catalog/index.ts";
import {
  auditBlobs,
  type AuditResult,
  type CollectionPlan,
  type CollectionProgress,
  type CollectionResult,
  type Collector,
} from "../collection/index.ts";
import type { HashPool } from "../digest/index.ts";

/** Giving back space, in the background and on demand. One run at a time; pushes and pulls never wait for one. */
export class Collection {
  readonly #collector: Collector;
  readonly #audit: Parameters<typeof auditBlobs>[0];
  readonly #closing = new AbortController();
  readonly #timer: NodeJS.Timeout | undefined;
  #running: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(parts: {
    readonly collector: Collector;
    readonly catalog: Catalog;
    readonly backend: BlobBackend;
    readonly pool: HashPool;
    readonly everyMs: number;
    readonly onError: (error: unknown) => void;
  }) {
    this.#collector = parts.collector;
    this.#audit = parts;
    if (parts.everyMs === 0) return;
    this.#timer = setInterval(() => {
      if (this.#waiting > 0) return;
      this.run().catch((error: unknown) => {
        if (!this.#closing.signal.aborted) parts.onError(error);
      });
    }, parts.everyMs);
    this.#timer.unref();
  }

  /** What `run` with the same options would do now, step by step, and how many bytes it would free. Deletes nothing. */
  async plan(options: { readonly everywhere?: boolean; readonly signal?: AbortSignal } = {}): Promise<CollectionPlan> {
    return await this.#next(() => this.#collector.plan(this.#ranged(options)));
  }

  /**
   * Does everything that is due now, and answers what it did in the shape of a plan. It may be stopped between any two
   * steps, also by the end of the process; the next run goes on from there.
   * @param options.everywhere looks through all of the backend for bytes that nobody names, instead of a part in turn
   */
  async run(
    options: {
      readonly everywhere?: boolean;
      readonly signal?: AbortSignal;
      readonly onProgress?: (progress: CollectionProgress) => void;
    } = {},
  ): Promise<CollectionResult> {
    const { onProgress } = options;
    return await this.#next(() =>
      this.#collector.run({ ...this.#ranged(options), ...(onProgress === undefined ? {} : { onProgress }) }),
    );
  }

  /** Reads every byte of the store and reports what is missing, damaged, or named by nobody. Changes nothing. */
  async audit(options: { readonly signal?: AbortSignal } = {}): Promise<AuditResult> {
    return await auditBlobs({ ...this.#audit, signal: this.#stopped(options.signal) });
  }

  /** Stops between two steps what is under way. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#closing.abort();
    await this.#running;
  }

  #ranged(options: { readonly everywhere?: boolean; readonly signal?: AbortSignal }): {
    readonly signal: AbortSignal;
    readonly shards?: number;
  } {
    return {
      signal: this.#stopped(options.signal),
      ...(options.everywhere === true ? { shards: shardCount } : {}),
    };
  }

  #stopped(signal: AbortSignal | undefined): AbortSignal {
    return signal === undefined ? this.#closing.signal : AbortSignal.any([signal, this.#closing.signal]);
  }

  #next<T>(work: () => Promise<T>): Promise<T> {
    this.#waiting++;
    const next = this.#running.then(work).finally(() => this.#waiting--);
    this.#running = next.catch(() => undefined);
    return next;
  }
}
