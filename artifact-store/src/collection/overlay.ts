import {
  dependantsOf,
  packageReferences,
  type BlobState,
  type Catalog,
  type ManifestReview,
} from "../catalog/index.ts";
import type { Digest } from "../digest/index.ts";
import type { ManifestFacts } from "../retention/index.ts";
import type { BlobDecision } from "./planner.ts";

/** What a plan has done so far without doing it: laid over the catalog's facts, it shows them as they would be. */
export class Overlay {
  readonly #deleted = new Set<string>();
  readonly #orphans = new Map<string, Digest>();
  /** By blob and repository: how many manifests and files of open packages that are gone named it. */
  readonly #unnamed = new Map<Digest, Map<number, number>>();
  readonly #condemned = new Map<Digest, number | undefined>();
  readonly #gone = new Set<Digest>();

  /** Answers the manifests that are to be looked at because of this. */
  async deleteManifest(catalog: Catalog, manifest: ManifestReview): Promise<ManifestReview[]> {
    const { repositoryId, digest } = manifest;
    this.#deleted.add(nameOf(repositoryId, digest));
    const { blobs, manifests } = await dependantsOf(catalog, repositoryId, digest);
    for (const blob of blobs) this.#lose(blob, repositoryId, 1);
    const left = manifests.filter((one) => !this.#deleted.has(nameOf(repositoryId, one)));
    for (const one of left) this.#orphans.set(nameOf(repositoryId, one), digest);
    return left.map((one) => ({ ...manifest, digest: one }));
  }

  async expirePackage(catalog: Catalog, id: string): Promise<void> {
    for (const { digest, repositoryId, names } of await packageReferences(catalog, id)) {
      this.#lose(digest, repositoryId, names);
    }
  }

  #lose(blob: Digest, repositoryId: number, names: number): void {
    const counts = this.#unnamed.get(blob) ?? new Map<number, number>();
    counts.set(repositoryId, (counts.get(repositoryId) ?? 0) + names);
    this.#unnamed.set(blob, counts);
  }

  /** Blobs that lost a manifest, or an open package. */
  get blobs(): Iterable<Digest> {
    return this.#unnamed.keys();
  }

  manifest(repositoryId: number, digest: Digest, facts: ManifestFacts | undefined): ManifestFacts | undefined {
    if (facts === undefined || this.#deleted.has(nameOf(repositoryId, digest))) return undefined;
    const there = (one: string): boolean => !this.#deleted.has(nameOf(repositoryId, one));
    return {
      ...facts,
      indexes: facts.indexes.filter(there),
      subject: facts.subject === undefined || there(facts.subject) ? facts.subject : undefined,
      orphanOf: this.#orphans.get(nameOf(repositoryId, digest)) ?? facts.orphanOf,
    };
  }

  decided(digest: Digest, decision: BlobDecision, now: number): void {
    if (decision.change === "condemn") this.#condemned.set(digest, now);
    if (decision.change === "revive") this.#condemned.set(digest, undefined);
    if (decision.change === "delete") this.#gone.add(digest);
  }

  blob(digest: Digest, state: BlobState | undefined): BlobState | undefined {
    if (state === undefined || this.#gone.has(digest)) return undefined;
    const lost = this.#unnamed.get(digest);
    const namedIn = new Map(
      [...state.namedIn]
        .map(([repository, count]) => [repository, count - (lost?.get(repository) ?? 0)] as const)
        .filter(([, count]) => count > 0),
    );
    const condemnedAt = this.#condemned.has(digest) ? this.#condemned.get(digest) : state.condemnedAt;
    return { ...state, namedIn, condemnedAt };
  }
}

function nameOf(repositoryId: number, digest: string): string {
  return `${repositoryId} ${digest}`;
}
