import {
  blobState,
  dueBlobs,
  dueManifests,
  manifestFacts,
  type Catalog,
  type ManifestReview,
  type Removal,
} from "../catalog/index.ts";
import type { Digest } from "../digest/index.ts";
import { eligibilityOf, type ManifestFacts } from "../retention/index.ts";
import type { Overlay } from "./overlay.ts";
import { packagesDue, packageStep } from "./package-expiry.ts";
import { decideBlob, type Patience } from "./planner.ts";
import type { CollectionStep } from "./step.ts";

/** What is looked at, and what becomes of it, without anything being done. */
export interface Planning {
  readonly catalog: Catalog;
  readonly overlay: Overlay;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly leaseMs: number;
  readonly signal: AbortSignal | undefined;
  did(steps: readonly CollectionStep[]): void;
}

const pageSize = 100;

/** Every manifest whose review is due. */
export async function* manifestsDue(catalog: Catalog, until: number): AsyncGenerator<ManifestReview> {
  for (let offset = 0; ; offset += pageSize) {
    const page = await dueManifests(catalog, { until, limit: pageSize, offset });
    yield* page;
    if (page.length < pageSize) return;
  }
}

/** Lays the end of every open package that nobody sealed in time over the catalog. */
export async function planPackages(planning: Planning): Promise<void> {
  const { catalog, overlay, at, signal } = planning;
  for await (const row of packagesDue(catalog, at)) {
    signal?.throwIfAborted();
    planning.did([packageStep(row)]);
    await overlay.expirePackage(catalog, row.id);
  }
}

/**
 * Lays the deletion of each that may go over the catalog, and then of what went with it.
 * @param seenAs what a simulation would have different about a manifest
 */
export async function planManifests(
  planning: Planning,
  manifests: AsyncIterable<ManifestReview>,
  seenAs: (facts: ManifestFacts, manifest: ManifestReview) => ManifestFacts | Promise<ManifestFacts> = (facts) => facts,
): Promise<void> {
  const { catalog, overlay, at, signal } = planning;
  const queue: ManifestReview[] = [];
  const look = async (manifest: ManifestReview): Promise<void> => {
    signal?.throwIfAborted();
    const found = await manifestFacts(catalog, manifest.repositoryId, manifest.digest, planning.leaseMs);
    const facts = overlay.manifest(manifest.repositoryId, manifest.digest, found);
    const eligibility = facts && eligibilityOf(await seenAs(facts, manifest), at);
    if (eligibility?.verdict !== "may-go") return;
    planning.did([manifestStep(manifest, eligibility.sentence)]);
    queue.push(...(await overlay.deleteManifest(catalog, manifest)));
  };
  // All that is due first, in its order, as a run does it; then what follows from it.
  for await (const manifest of manifests) await look(manifest);
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) await look(next);
}

/** What becomes of the blobs that are due or lost a manifest. Answers whose bytes would go. */
export async function planBlobs(planning: Planning, patience: Patience): Promise<Removal[]> {
  const { catalog, overlay, at, signal } = planning;
  const due = new Set<Digest>(overlay.blobs);
  let after: Digest | undefined;
  do {
    const page = await dueBlobs(catalog, { until: at, limit: pageSize, ...(after === undefined ? {} : { after }) });
    for (const digest of page) due.add(digest);
    after = page.at(-1);
  } while (after !== undefined);
  const going: Removal[] = [];
  let pass = [...due].toSorted();
  while (pass.length > 0) {
    const again: Digest[] = [];
    for (const digest of pass) {
      signal?.throwIfAborted();
      const state = overlay.blob(digest, await blobState(catalog, digest));
      if (state === undefined) continue;
      const decision = decideBlob(digest, state, at, patience);
      overlay.decided(digest, decision, at);
      planning.did(decision.steps);
      if (decision.change === "delete") going.push({ key: state.key, size: state.size });
      if (decision.next !== undefined && decision.next <= at) again.push(digest);
    }
    pass = again;
  }
  return going;
}

export function manifestStep({ repository, digest }: ManifestReview, sentence: string): CollectionStep {
  return { kind: "delete-manifest", repository, digest, sentence };
}

/** In the order of their keys, as a run removes them. */
export function removalSteps(going: readonly Removal[]): CollectionStep[] {
  return going
    .toSorted((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ key, size }) => ({ kind: "remove-bytes", key, bytes: size, sentence: "no blob has these bytes any more" }));
}
