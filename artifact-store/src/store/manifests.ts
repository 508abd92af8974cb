import {
  classOfRepository,
  ensureRepository,
  findManifest,
  findTombstone,
  isUnwritable,
  manifestFacts,
  missingBlobs,
  missingManifests,
  pageManifests,
  pageReferrers,
  repositoryId,
  useManifest,
  type Catalog,
  type Commits,
  type FoundManifest,
  type ListedManifest,
  type RecentAnswers,
} from "../catalog/index.ts";
import { removeManifest } from "../collection/index.ts";
import { algorithmOf, digestOf, type Digest } from "../digest/index.ts";
import { StoreError } from "../errors/index.ts";
import { parseManifest, referrerDescriptor, type Descriptor, type ReferrerDescriptor } from "../manifests/index.ts";
import type { RepositoryName, Tag } from "../names/index.ts";
import { blockOf } from "../retention/index.ts";
import { recordImported } from "./package-records.ts";
import { putManifest } from "./put-manifest.ts";

/** By which a manifest is asked for. */
export type ManifestReference = { readonly tag: Tag } | { readonly digest: Digest };

export interface StoredManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly size: number;
  /** The very bytes that were pushed. Not to be changed: the next one who asks gets the same memory. */
  readonly content: Uint8Array;
}

/** One page of a repository's manifests. */
export interface ManifestPage {
  readonly manifests: readonly ListedManifest[];
  /** Whether there are more behind the last of these. */
  readonly more: boolean;
}

/** One page of what refers to a manifest. */
export interface ReferrerPage {
  readonly referrers: readonly ReferrerDescriptor[];
  /** Where the next page begins; undefined on the last. */
  readonly next: Digest | undefined;
}

/** A page of referrers stays below the size that clients expect of a manifest. */
const referrersPerPage = 200;
const referrersPageBytes = 3 * 1024 * 1024;

export class Manifests {
  readonly #catalog: Catalog;
  readonly #commits: Commits;
  readonly #recent: RecentAnswers<FoundManifest>;
  readonly #leaseMs: number;
  readonly #now: () => number;

  constructor(parts: {
    readonly catalog: Catalog;
    readonly commits: Commits;
    readonly recent: RecentAnswers<FoundManifest>;
    readonly leaseMs: number;
    readonly now: () => number;
  }) {
    this.#catalog = parts.catalog;
    this.#commits = parts.commits;
    this.#recent = parts.recent;
    this.#leaseMs = parts.leaseMs;
    this.#now = parts.now;
  }

  /**
   * Stores a manifest under its digest and points the tags to it. The blobs and manifests it names must be in the
   * repository already, its subject need not.
   * @param contentType what the sender says it is; undefined: what the manifest says itself
   * @throws StoreError MANIFEST_INVALID, MANIFEST_BLOB_UNKNOWN, DIGEST_INVALID, TOO_LARGE
   */
  async put(
    repository: RepositoryName,
    content: Uint8Array,
    as: { readonly contentType?: string; readonly digest?: Digest; readonly tags?: readonly Tag[] } = {},
  ): Promise<{ readonly digest: Digest; readonly subject: Digest | undefined }> {
    const manifest = parseManifest(content, as.contentType);
    const digest = digestOf(content, as.digest === undefined ? "sha256" : algorithmOf(as.digest));
    if (as.digest !== undefined && as.digest !== digest) {
      throw new StoreError("DIGEST_INVALID", `the manifest has the digest ${digest}, not ${as.digest}`);
    }
    const now = this.#now();
    const subject = manifest.subject?.digest;
    const { mediaType, artifactType } = manifest;
    await this.#commits.commit(async (tx, tell) => {
      const home = await ensureRepository(tx, repository, now);
      const references = { blobs: digestsOf(manifest.blobs), manifests: digestsOf(manifest.manifests) };
      const missing = [
        ...(await missingBlobs(tx, home, references.blobs)),
        ...(await missingManifests(tx, home, references.manifests)),
      ];
      if (missing.length > 0) throw unknownContent(repository, missing);
      const rules = await classOfRepository(tx, home);
      const made = await putManifest(
        tx,
        tell,
        { repository, home, digest, mediaType, artifactType, subject, content, references, tags: as.tags ?? [] },
        { rules, leaseMs: this.#leaseMs, now },
      );
      if (made) await recordImported(tx, tell, { repository, home, digest, mediaType, content }, now);
    });
    return { digest, subject };
  }

  /** @throws StoreError NAME_UNKNOWN, MANIFEST_UNKNOWN */
  async get(repository: RepositoryName, reference: ManifestReference): Promise<StoredManifest> {
    const found = await this.#recent.get(
      `${repository}@${"tag" in reference ? reference.tag : reference.digest}`,
      () => findManifest(this.#catalog, repository, reference),
      ({ size }) => size + 500,
    );
    if (found === undefined) throw await this.#unknown(repository, reference);
    // Whoever hears of it may rely on it, as with blobs; and rules ask when a tag was last pulled.
    const now = this.#now();
    if (now - found.usedAt > this.#leaseMs / 2) {
      const using = this.#commits.commit((tx) => useManifest(tx, found.repositoryId, found.digest, now));
      const used = await using.catch((error: unknown) => {
        if (isUnwritable(error)) return true;
        throw error;
      });
      if (!used) throw await this.#unknown(repository, reference);
    }
    return found;
  }

  /** Up to `limit` manifests by digest, those after `after`; with tags and without. @throws StoreError NAME_UNKNOWN */
  async list(
    repository: RepositoryName,
    page: { readonly limit: number; readonly after?: string },
  ): Promise<ManifestPage> {
    const home = await repositoryId(this.#catalog, repository);
    if (home === undefined) throw new StoreError("NAME_UNKNOWN", `there is no repository ${repository}`);
    const rows = await pageManifests(this.#catalog, home, { after: page.after ?? "", limit: page.limit + 1 });
    return { manifests: rows.slice(0, page.limit), more: rows.length > page.limit };
  }

  /**
   * What `list` says of one. Unlike `get` it is no use of the manifest, and keeps nothing alive: for people who ask why it
   * is kept.
   * @throws StoreError NAME_UNKNOWN, MANIFEST_UNKNOWN
   */
  async look(
    repository: RepositoryName,
    reference: ManifestReference,
  ): Promise<ListedManifest & { readonly content: Uint8Array }> {
    const found = await findManifest(this.#catalog, repository, reference);
    const [listed] =
      found === undefined
        ? []
        : await pageManifests(this.#catalog, found.repositoryId, { after: "", limit: 1, only: found.digest });
    if (found === undefined || listed === undefined) throw await this.#gone(repository, reference);
    return { ...listed, content: found.content };
  }

  /**
   * Takes a manifest and the tags that point to it. What went with it alone (referrers, an index's untagged manifests,
   * blobs) follows by collection.
   * @throws StoreError NAME_UNKNOWN, MANIFEST_UNKNOWN, HELD
   */
  async remove(repository: RepositoryName, digest: Digest): Promise<void> {
    const gone = await this.#commits.commit(async (tx, tell) => {
      const home = await repositoryId(tx, repository);
      if (home === undefined) return false;
      const facts = await manifestFacts(tx, home, digest, this.#leaseMs);
      const now = this.#now();
      const block = facts && blockOf(facts, now);
      if (block !== undefined) throw new StoreError("HELD", `${repository} keeps ${digest}: ${block}`);
      return await removeManifest(tx, tell, { repositoryId: home, repository, digest }, undefined, now);
    });
    if (!gone) throw await this.#unknown(repository, { digest });
  }

  /** What has `subject` as its subject, by digest. Empty, too, when nobody has heard of repository or subject. */
  async referrers(
    repository: RepositoryName,
    subject: Digest,
    page: { readonly artifactType?: string; readonly after?: string } = {},
  ): Promise<ReferrerPage> {
    const home = await repositoryId(this.#catalog, repository);
    if (home === undefined) return { referrers: [], next: undefined };
    const rows = await pageReferrers(this.#catalog, home, {
      subject,
      artifactType: page.artifactType,
      after: page.after ?? "",
      limit: referrersPerPage + 1,
    });
    const referrers: ReferrerDescriptor[] = [];
    let bytes = 0;
    for (const row of rows) {
      const referrer = referrerDescriptor(row);
      bytes += JSON.stringify(referrer).length;
      if (referrers.length === referrersPerPage || (referrers.length > 0 && bytes > referrersPageBytes)) {
        return { referrers, next: referrers.at(-1)?.digest };
      }
      referrers.push(referrer);
    }
    return { referrers, next: undefined };
  }

  /** As `#unknown`, and why it was deleted, if it was: for people who look, and too much for every pull that misses. */
  async #gone(repository: RepositoryName, reference: ManifestReference): Promise<StoreError> {
    const error = await this.#unknown(repository, reference);
    if ("tag" in reference) return error;
    const home = (await repositoryId(this.#catalog, repository)) ?? 0;
    const tombstone = await findTombstone(this.#catalog, home, reference.digest);
    if (tombstone === undefined) return error;
    const at = new Date(tombstone.deletedAt).toISOString();
    return new StoreError("MANIFEST_UNKNOWN", `${error.message}: it was deleted at ${at} (${tombstone.reason})`);
  }

  async #unknown(repository: RepositoryName, reference: ManifestReference): Promise<StoreError> {
    if ((await repositoryId(this.#catalog, repository)) === undefined) {
      return new StoreError("NAME_UNKNOWN", `there is no repository ${repository}`);
    }
    const what = "tag" in reference ? `tag ${reference.tag}` : `manifest ${reference.digest}`;
    return new StoreError("MANIFEST_UNKNOWN", `${repository} has no ${what}`);
  }
}

function digestsOf(descriptors: readonly Descriptor[]): Digest[] {
  return descriptors.map((descriptor) => descriptor.digest);
}

function unknownContent(repository: RepositoryName, missing: readonly Digest[]): StoreError {
  const shown = missing.slice(0, 5).join(", ");
  const more = missing.length > 5 ? ` and ${missing.length - 5} more` : "";
  return new StoreError("MANIFEST_BLOB_UNKNOWN", `push these to ${repository} first: ${shown}${more}`);
}
