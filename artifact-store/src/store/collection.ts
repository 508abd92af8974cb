import type { BlobBackend } from "../blobs/index.ts";
import { shardCount } from "../blobs/index.ts";
import { allClasses, identityOf, type Catalog } from "../catalog/index.ts";
import {
  auditBlobs,
  parseSavedPlan,
  simulate,
  stepsMovedOn,
  targetOfStep,
  type AuditProgress,
  type AuditResult,
  type CollectionPlan,
  type CollectionProgress,
  type CollectionResult,
  type Collector,
  type Policy,
  type SavedPlan,
  type Simulation,
} from "../collection/index.ts";
import type { HashPool } from "../digest/index.ts";
import { StoreError } from "../errors/index.ts";
import type { TagPolicies } from "./tag-policies.ts";
import { parseRetentionClass } from "../retention/index.ts";

/** Giving back space, in the background and on demand. One run at a time; pushes and pulls never wait for one. */
export class Collection {
  readonly #collector: Collector;
  readonly #audit: Parameters<typeof auditBlobs>[0];
  readonly #catalog: Catalog;
  readonly #patience: { readonly leaseMs: number; readonly looseMs: number };
  readonly #closing = new AbortController();
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #audits = new Set<Promise<AuditResult>>();
  #running: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(parts: {
    readonly collector: Collector;
    readonly catalog: Catalog;
    readonly backend: BlobBackend;
    readonly pool: HashPool;
    readonly leaseMs: number;
    readonly looseMs: number;
    readonly tagPolicies: TagPolicies;
    readonly everyMs: number;
    readonly onError: (error: unknown) => void;
  }) {
    this.#collector = parts.collector;
    this.#audit = parts;
    this.#catalog = parts.catalog;
    this.#patience = { leaseMs: parts.leaseMs, looseMs: parts.looseMs };
    if (parts.everyMs === 0) return;
    this.#timer = setInterval(() => {
      if (this.#waiting > 0) return;
      const work = async (): Promise<void> => {
        await parts.tagPolicies.apply(this.#closing.signal);
        await this.run();
      };
      work().catch((error: unknown) => {
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

  /** A plan to keep, to look at, and to apply later. */
  async savePlan(options: { readonly signal?: AbortSignal } = {}): Promise<SavedPlan> {
    return { version: 1, store: await this.#identity(), plan: await this.plan({ ...options, everywhere: true }) };
  }

  /**
   * Does what a saved plan says, and nothing beside it. What has become due since is not touched; a step that is overtaken
   * while this runs is left out, and the answer tells what was done.
   * @param saved a `SavedPlan`, as `savePlan` made it or from JSON
   * @throws StoreError PLAN_INVALID; PLAN_OVERTAKEN, before anything is done, when a step of it would not be done now
   */
  async applyPlan(
    saved: unknown,
    options: { readonly signal?: AbortSignal; readonly onProgress?: (progress: CollectionProgress) => void } = {},
  ): Promise<CollectionResult> {
    const { store, plan } = parseSavedPlan(saved);
    if (store !== (await this.#identity())) throw new StoreError("PLAN_INVALID", "this is a plan of another store");
    return await this.#next(async () => {
      const signal = this.#stopped(options.signal);
      const now = await this.#collector.plan({ signal, shards: shardCount });
      const [first, ...more] = stepsMovedOn(plan, now);
      if (first !== undefined) {
        const others = more.length === 0 ? "" : `, and ${more.length} other steps`;
        throw new StoreError(
          "PLAN_OVERTAKEN",
          `the world has moved on: ${first.kind} ${targetOfStep(first)} would not be done now${others}. Make a new plan`,
        );
      }
      return await this.#collector.apply(plan, { ...options, signal });
    });
  }

  /**
   * What would be gone by a time under a policy, tags included, and how many bytes of it. Changes nothing.
   * @throws StoreError RETENTION_INVALID
   */
  async simulate(options: {
    readonly at: number;
    readonly policy?: Policy;
    readonly signal?: AbortSignal;
  }): Promise<Simulation> {
    const { at, policy = {} } = options;
    if (!Number.isSafeInteger(at) || at < 0 || at > 8.64e15) {
      throw new StoreError("RETENTION_INVALID", "a simulation is for a time in milliseconds since 1970");
    }
    const classes = await allClasses(this.#catalog);
    const changed = (policy.classes ?? []).map(parseRetentionClass);
    const known = new Set([...classes, ...changed].map((one) => one.name));
    const unknown = policy.repositories?.find((one) => !known.has(one.class));
    if (unknown !== undefined)
      throw new StoreError("RETENTION_INVALID", `there is no class ${JSON.stringify(unknown.class)}`);
    return await simulate({
      catalog: this.#catalog,
      ...this.#patience,
      at,
      policy: { ...policy, classes: changed },
      classes,
      signal: this.#stopped(options.signal),
    });
  }

  /** Reads every byte of the store and reports what is missing, damaged, or named by nobody. Changes nothing. */
  async audit(
    options: { readonly signal?: AbortSignal; readonly onProgress?: (progress: AuditProgress) => void } = {},
  ): Promise<AuditResult> {
    const audit = auditBlobs({ ...this.#audit, ...options, signal: this.#stopped(options.signal) });
    this.#audits.add(audit);
    try {
      return await audit;
    } finally {
      this.#audits.delete(audit);
    }
  }

  /** Stops between two steps, or two chunks of an audit, what is under way. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#closing.abort();
    await this.#running;
    await Promise.allSettled(this.#audits);
  }

  async #identity(): Promise<string> {
    const id = await identityOf(this.#catalog);
    if (id === undefined) throw new Error("the catalog of an open store has a name");
    return id;
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
