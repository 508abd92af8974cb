import { digestOfKey, shardCount, type BlobBackend } from "../blobs/index.ts";
import {
  blobState,
  condemnBlob,
  dueBlobs,
  dueManifests,
  expiredPackages,
  forgetBlob,
  isBeingRemoved,
  isNamedKey,
  manifestFacts,
  markIndexed,
  recordReferences,
  recordRemoval,
  removals,
  repositoryId,
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
import { expirePackage } from "./package-expiry.ts";
import { manifestsDue, manifestStep, planBlobs, planManifests, planPackages, removalSteps } from "./planning.ts";
import { identityOfStep } from "./saved-plan.ts";
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

/** So many reviews share a commit; pushes that come meanwhile wait for no more. */
const atOnce = 16;

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
    const { catalog, leaseMs } = this.#parts;
    const planning = { ...run, catalog, leaseMs, overlay: new Overlay() };
    await planPackages(planning);
    await planManifests(planning, manifestsDue(catalog, run.at));
    const going = await planBlobs(planning, this.#parts);
    for (let after = ""; ;) {
      const page = await removals(catalog, after, pageSize, run.at);
      going.push(...page);
      const last = page.at(-1);
      if (last === undefined) break;
      after = last.key;
    }
    for await (const found of this.#unnamed(run)) going.push(found);
    run.did(removalSteps(going));
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
    await this.#expirePackages(run);
    await this.#collectManifests(run);
    await this.#collectBlobs(run);
    for await (const found of this.#unnamed(run)) await this.#takeUnnamed(run, found);
    this.#shard = (this.#shard + run.shards) % shardCount;
    await this.#removeBytes(run);
    return planOf(run.at, run.steps);
  }

  /**
   * Does the steps of a plan, and none beside them: each only when, in its own transaction, it is still what would be done.
   * Answers what was done; the rest of the plan was overtaken.
   */
  async apply(
    plan: CollectionPlan,
    options: { readonly signal?: AbortSignal; readonly onProgress?: (progress: CollectionProgress) => void } = {},
  ): Promise<CollectionResult> {
    const run = this.#begin(options);
    const { catalog } = this.#parts;
    const allowed = new Set(plan.steps.map(identityOfStep));
    for (const step of plan.steps) {
      run.signal?.throwIfAborted();
      if (step.kind === "expire-package") {
        run.did(await this.#parts.commits.commit((tx, tell) => expirePackage(tx, tell, step.package, run.at)));
      } else if (step.kind === "delete-manifest") {
        const home = await repositoryId(catalog, step.repository);
        if (home === undefined) continue;
        run.did(await this.#reviewManifest({ repositoryId: home, ...step }, run.at));
      } else if (step.kind !== "remove-bytes") {
        run.did(await this.#reviewBlob(step.digest, run.at, allowed));
      } else if (await isBeingRemoved(catalog, step.key)) {
        await this.#removeAll(run, [{ key: step.key, size: step.bytes }]);
      } else {
        // Bytes that no row speaks of: they go the way that a run takes them.
        const found = { key: step.key, size: step.bytes };
        if (await this.#takeUnnamed(run, found)) await this.#removeAll(run, [found]);
      }
    }
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
          await markIndexed(tx, repository, digest);
        }
      });
    }
  }

  /** First: what they kept is then due like everything else. */
  async #expirePackages(run: Run): Promise<void> {
    const { catalog, commits } = this.#parts;
    for (;;) {
      run.signal?.throwIfAborted();
      const page = await expiredPackages(catalog, { until: run.at, limit: atOnce });
      if (page.length === 0) return;
      const ends = page.map(({ id }) => commits.commit((tx, tell) => expirePackage(tx, tell, id, run.at)));
      for (const steps of await Promise.all(ends)) run.did(steps);
    }
  }

  async #collectManifests(run: Run): Promise<void> {
    const { catalog } = this.#parts;
    for (;;) {
      run.signal?.throwIfAborted();
      const page = await dueManifests(catalog, { until: run.at, limit: atOnce });
      if (page.length === 0) return;
      const done = await Promise.all(page.map((review) => this.#reviewManifest(review, run.at)));
      for (const steps of done) run.did(steps);
    }
  }

  async #reviewManifest(review: ManifestReview, at: number): Promise<CollectionStep[]> {
    const { commits, leaseMs } = this.#parts;
    const { repositoryId, digest } = review;
    return await commits.commit(async (tx, tell) => {
      const facts = await manifestFacts(tx, repositoryId, digest, leaseMs);
      const eligibility = facts && eligibilityOf(facts, at);
      const next = eligibility?.verdict === "kept" ? eligibility.until : undefined;
      await settleManifestReview(tx, repositoryId, digest, next);
      if (eligibility?.verdict !== "may-go") return [];
      await removeManifest(tx, tell, review, eligibility.sentence, at);
      return [manifestStep(review, eligibility.sentence)];
    });
  }

  async #collectBlobs(run: Run): Promise<void> {
    const { catalog } = this.#parts;
    for (let changed = true; changed;) {
      changed = false;
      let after: Digest | undefined;
      for (;;) {
        run.signal?.throwIfAborted();
        const page = await dueBlobs(catalog, {
          until: run.at,
          limit: atOnce,
          ...(after === undefined ? {} : { after }),
        });
        after = page.at(-1);
        if (after === undefined) break;
        for (const steps of await Promise.all(page.map((digest) => this.#reviewBlob(digest, run.at)))) {
          run.did(steps);
          changed ||= steps.length > 0;
        }
      }
    }
  }

  /** @param allowed steps beside which nothing may be done; undefined: any */
  async #reviewBlob(digest: Digest, at: number, allowed?: ReadonlySet<string>): Promise<readonly CollectionStep[]> {
    const { commits, writing } = this.#parts;
    const decided = await writing.decide(digest, () =>
      commits.commit(async (tx, tell) => {
        const state = await blobState(tx, digest);
        const decision = state && decideBlob(digest, state, at, this.#parts);
        if (allowed !== undefined && decision?.steps.every((step) => allowed.has(identityOfStep(step))) !== true) {
          return [];
        }
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
    const tail = Math.min(run.shards, shardCount - this.#shard);
    const ranges = [
      { first: this.#shard, count: tail },
      { first: 0, count: run.shards - tail },
    ];
    for (const { first, count } of ranges) {
      if (count === 0) continue;
      for await (const { key, size, storedAt } of backend.blobs(first, count)) {
        run.signal?.throwIfAborted();
        if (storedAt + orphanGraceMs > run.at || (await isNamedKey(catalog, key))) continue;
        // A list may still show what is gone: nothing would come free.
        if ((await backend.blobSize(key)) === undefined) continue;
        yield { key, size };
      }
    }
  }

  async #takeUnnamed(run: Run, found: Removal): Promise<boolean> {
    const { commits, writing } = this.#parts;
    const taken = await writing.decide(digestOfKey(found.key) ?? found.key, () =>
      commits.commit(async (tx) => {
        if (await isNamedKey(tx, found.key)) return false;
        await recordRemoval(tx, found, run.at);
        return true;
      }),
    );
    return taken ?? false; // somebody writes them now
  }

  /** Deleting to gone. The row goes last: until then nobody writes under the key, and a crash finds it again. */
  async #removeBytes(run: Run): Promise<void> {
    const { catalog } = this.#parts;
    for (let after = ""; ;) {
      const page = await removals(catalog, after, pageSize, run.at);
      const last = page.at(-1);
      if (last === undefined) return;
      after = last.key;
      for (let start = 0; start < page.length; start += 8) {
        run.signal?.throwIfAborted();
        await this.#removeAll(run, page.slice(start, start + 8));
      }
    }
  }

  async #removeAll(run: Run, some: readonly Removal[]): Promise<void> {
    const { backend, commits } = this.#parts;
    await Promise.all(some.map(({ key }) => backend.removeBlob(key)));
    await commits.commit(async (tx) => {
      for (const { key } of some) await settleRemoval(tx, key);
    });
    run.did(removalSteps(some));
  }
}
