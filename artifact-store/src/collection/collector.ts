import { digestOfKey, shardCount, type BlobBackend } from "../blobs/index.ts";
import {
  blobState,
  condemnBlob,
  dueBlobs,
  dueManifests,
  forgetBlob,
  isNamedKey,
  lockBlob,
  lockManifest,
  manifestFacts,
  recordReferences,
  recordRemoval,
  removals,
  settleBlobReview,
  settleManifestReview,
  settleRemoval,
  unindexedManifests,
  unlinkBlob,
  type Catalog,
  type Commits,
  type ManifestReview,
  type Removal,
} from "../catalog/index.ts";
import type { Digest } from "../digest/index.ts";
import { parseManifest } from "../manifests/index.ts";
import { eligibilityOf } from "../retention/index.ts";
import { removeManifest } from "./manifest-removal.ts";
import { Overlay } from "./overlay.ts";
import { decideBlob, type Patience } from "./planner.ts";
import { planOf, type CollectionPlan, type CollectionStep } from "./step.ts";
import type { Writing } from "./writing.ts";

/** What a run did, step by step: the same shape as its plan. */
export type CollectionResult = CollectionPlan;

export interface CollectionProgress {
  readonly steps: number;
  readonly bytesFreed: number;
  readonly last: CollectionStep;
}

export interface CollectorParts extends Patience {
  readonly catalog: Catalog;
  readonly commits: Commits;
  readonly backend: BlobBackend;
  readonly writing: Writing;
  readonly leaseMs: number;
  /** How old bytes must be that nobody names. Milliseconds. */
  readonly orphanGraceMs: number;
  readonly now: () => number;
}

interface Run {
  readonly at: number;
  readonly steps: CollectionStep[];
  readonly signal: AbortSignal | undefined;
  readonly shards: number;
  did(steps: readonly CollectionStep[]): void;
}

const pageSize = 100;

/** On SQLite so many reviews share a commit; PostgreSQL commits side by side, and pushes want connections too. */
const atOnce = { sqlite: 16, postgres: 3 } as const;

/** Works through what is due, in steps that are each a transaction of their own; may be killed between any two. */
export class Collector {
  readonly #parts: CollectorParts;
  #shard = 0;

  constructor(parts: CollectorParts) {
    this.#parts = parts;
  }

  /** What `run` would do now. Changes nothing but the index of references of manifests from older releases. */
  async plan(options: { readonly shards?: number; readonly signal?: AbortSignal } = {}): Promise<CollectionPlan> {
    const run = this.#begin(options);
    await this.#indexReferences(run.signal);
    const overlay = new Overlay();
    await this.#planManifests(run, overlay);
    const going = await this.#planBlobs(run, overlay);
    for (let after = ""; ;) {
      const page = await removals(this.#parts.catalog, after, pageSize, run.at);
      going.push(...page);
      const last = page.at(-1);
      if (last === undefined) break;
      after = last.key;
    }
    for await (const found of this.#unnamed(run)) going.push(found);
    run.did(going.toSorted(byKey).map(removalStep));
    return planOf(run.at, run.steps);
  }

  /**
   * Does all that is due. Takes no lock that outlives a step.
   * @param options.shards how many of the `shardCount` parts of the backend are searched for bytes that nobody names; each run goes
   * on where the last one ended
   */
  async run(
    options: {
      readonly shards?: number;
      readonly signal?: AbortSignal;
      readonly onProgress?: (progress: CollectionProgress) => void;
    } = {},
  ): Promise<CollectionResult> {
    const run = this.#begin(options);
    await this.#indexReferences(run.signal);
    await this.#collectManifests(run);
    await this.#collectBlobs(run);
    for await (const found of this.#unnamed(run)) await this.#takeUnnamed(run, found);
    this.#shard = (this.#shard + run.shards) % shardCount;
    await this.#removeBytes(run);
    return planOf(run.at, run.steps);
  }

  #begin(options: {
    readonly shards?: number;
    readonly signal?: AbortSignal;
    readonly onProgress?: (progress: CollectionProgress) => void;
  }): Run {
    const steps: CollectionStep[] = [];
    let bytesFreed = 0;
    return {
      at: this.#parts.now(),
      steps,
      signal: options.signal,
      shards: Math.min(options.shards ?? 8, shardCount),
      did: (done) => {
        for (const last of done) {
          steps.push(last);
          if (last.kind === "remove-bytes") bytesFreed += last.bytes;
          options.onProgress?.({ steps: steps.length, bytesFreed, last });
        }
      },
    };
  }

  /** Manifests from before references were written down: until theirs are, nothing may be collected. */
  async #indexReferences(signal: AbortSignal | undefined): Promise<void> {
    const { catalog, commits } = this.#parts;
    for (;;) {
      const page = await unindexedManifests(catalog, pageSize);
      if (page.length === 0) return;
      signal?.throwIfAborted();
      await commits.commit(async (tx) => {
        for (const { repository, digest, content, mediaType } of page) {
          const { blobs, manifests } = parseManifest(content, mediaType);
          await recordReferences(tx, repository, digest, {
            blobs: blobs.map((blob) => blob.digest),
            manifests: manifests.map((manifest) => manifest.digest),
          });
        }
      });
    }
  }

  async #planManifests(run: Run, overlay: Overlay): Promise<void> {
    const { catalog, leaseMs } = this.#parts;
    const queue: ManifestReview[] = [];
    for (let offset = 0; ; offset += pageSize) {
      const page = await dueManifests(catalog, { until: run.at, limit: pageSize, offset });
      queue.push(...page);
      if (page.length < pageSize) break;
    }
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      run.signal?.throwIfAborted();
      const found = await manifestFacts(catalog, next.repositoryId, next.digest, leaseMs);
      const facts = overlay.manifest(next.repositoryId, next.digest, found);
      const eligibility = facts && eligibilityOf(facts, run.at);
      if (eligibility?.verdict !== "may-go") continue;
      run.did([manifestStep(next, eligibility.sentence)]);
      queue.push(...(await overlay.deleteManifest(catalog, next)));
    }
  }

  async #collectManifests(run: Run): Promise<void> {
    const { catalog, commits } = this.#parts;
    // One by one on PostgreSQL: a deletion holds other manifests of its repository, too.
    const limit = commits.dialect === "sqlite" ? atOnce.sqlite : 1;
    for (;;) {
      run.signal?.throwIfAborted();
      const page = await dueManifests(catalog, { until: run.at, limit });
      if (page.length === 0) return;
      const done = await Promise.all(page.map((review) => this.#reviewManifest(review, run.at)));
      for (const steps of done) run.did(steps);
    }
  }

  async #reviewManifest(review: ManifestReview, at: number): Promise<CollectionStep[]> {
    const { commits, leaseMs } = this.#parts;
    const { repositoryId, digest } = review;
    return await commits.commit(async (tx, tell) => {
      await lockManifest(tx, repositoryId, digest, "update", commits.dialect);
      const facts = await manifestFacts(tx, repositoryId, digest, leaseMs);
      const eligibility = facts && eligibilityOf(facts, at);
      const next = eligibility?.verdict === "kept" ? eligibility.until : undefined;
      await settleManifestReview(tx, repositoryId, digest, next);
      if (eligibility?.verdict !== "may-go") return [];
      await removeManifest(tx, tell, review, eligibility.sentence, at);
      return [manifestStep(review, eligibility.sentence)];
    });
  }

  /** Answers whose bytes would go. */
  async #planBlobs(run: Run, overlay: Overlay): Promise<Removal[]> {
    const { catalog } = this.#parts;
    const due = new Set<Digest>(overlay.blobs);
    let after: Digest | undefined;
    do {
      const page = await dueBlobs(catalog, {
        until: run.at,
        limit: pageSize,
        ...(after === undefined ? {} : { after }),
      });
      for (const digest of page) due.add(digest);
      after = page.at(-1);
    } while (after !== undefined);
    const going: Removal[] = [];
    let pass = [...due].toSorted();
    while (pass.length > 0) {
      const again: Digest[] = [];
      for (const digest of pass) {
        run.signal?.throwIfAborted();
        const state = overlay.blob(digest, await blobState(catalog, digest));
        if (state === undefined) continue;
        const decision = decideBlob(digest, state, run.at, this.#parts);
        overlay.decided(digest, decision, run.at);
        run.did(decision.steps);
        if (decision.change === "delete") going.push({ key: state.key, size: state.size });
        if (decision.next !== undefined && decision.next <= run.at) again.push(digest);
      }
      pass = again;
    }
    return going;
  }

  async #collectBlobs(run: Run): Promise<void> {
    const { catalog, commits } = this.#parts;
    const size = atOnce[commits.dialect];
    for (let changed = true; changed;) {
      changed = false;
      let after: Digest | undefined;
      for (;;) {
        run.signal?.throwIfAborted();
        const page = await dueBlobs(catalog, { until: run.at, limit: size, ...(after === undefined ? {} : { after }) });
        after = page.at(-1);
        if (after === undefined) break;
        for (const steps of await Promise.all(page.map((digest) => this.#reviewBlob(digest, run.at)))) {
          run.did(steps);
          changed ||= steps.length > 0;
        }
      }
    }
  }

  async #reviewBlob(digest: Digest, at: number): Promise<readonly CollectionStep[]> {
    const { commits, writing } = this.#parts;
    const decided = await writing.decide(digest, () =>
      commits.commit(async (tx, tell) => {
        await lockBlob(tx, digest, commits.dialect);
        const state = await blobState(tx, digest);
        const decision = state && decideBlob(digest, state, at, this.#parts);
        await settleBlobReview(tx, digest, decision?.next);
        if (state === undefined || decision === undefined) return [];
        const reason = "no manifest names it";
        for (const { repositoryId, repository } of decision.unlink) {
          await unlinkBlob(tx, repositoryId, digest);
          tell({ type: "blob.removed", repository, digest, reason });
        }
        if (decision.change === "condemn") await condemnBlob(tx, digest, at);
        if (decision.change === "revive") await condemnBlob(tx, digest, undefined);
        if (decision.change === "delete") {
          for (const { repository } of state.links) tell({ type: "blob.removed", repository, digest, reason });
          await forgetBlob(tx, digest, state, at);
          tell({ type: "blob.deleted", digest, size: state.size });
        }
        return decision.steps;
      }),
    );
    return decided ?? []; // somebody writes it now: it stays due
  }

  /** Bytes that a crash left between the end of a write and the commit that would have named them. */
  async *#unnamed(run: Run): AsyncGenerator<Removal> {
    const { backend, catalog, orphanGraceMs } = this.#parts;
    for (let part = 0; part < run.shards; part++) {
      run.signal?.throwIfAborted();
      for await (const { key, size, storedAt } of backend.blobs((this.#shard + part) % shardCount)) {
        if (storedAt + orphanGraceMs > run.at || (await isNamedKey(catalog, key))) continue;
        yield { key, size };
      }
    }
  }

  async #takeUnnamed(run: Run, found: Removal): Promise<void> {
    const { commits, writing } = this.#parts;
    await writing.decide(digestOfKey(found.key) ?? found.key, () =>
      commits.commit(async (tx) => {
        if (!(await isNamedKey(tx, found.key))) await recordRemoval(tx, found, run.at);
      }),
    );
  }

  /** Deleting to gone. The row goes last: until then nobody writes under the key, and a crash finds it again. */
  async #removeBytes(run: Run): Promise<void> {
    const { backend, catalog, commits } = this.#parts;
    for (let after = ""; ;) {
      const page = await removals(catalog, after, pageSize, run.at);
      const last = page.at(-1);
      if (last === undefined) return;
      after = last.key;
      for (let start = 0; start < page.length; start += 8) {
        run.signal?.throwIfAborted();
        const some = page.slice(start, start + 8);
        await Promise.all(some.map(({ key }) => backend.removeBlob(key)));
        await commits.commit(async (tx) => {
          for (const { key } of some) await settleRemoval(tx, key);
        });
        run.did(some.map(removalStep));
      }
    }
  }
}

function byKey(a: Removal, b: Removal): number {
  return a.key < b.key ? -1 : 1;
}

function removalStep({ key, size }: Removal): CollectionStep {
  return { kind: "remove-bytes", key, bytes: size, sentence: "no blob has these bytes any more" };
}

function manifestStep({ repository, digest }: ManifestReview, sentence: string): CollectionStep {
  return { kind: "delete-manifest", repository, digest, sentence };
}
