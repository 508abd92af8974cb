import type { Transaction } from "@waybill/foundation/database";
import {
  insertManifest,
  pointTag,
  recordReferences,
  reviewManifest,
  untagManifest,
  type StoreTables,
} from "../catalog/index.ts";
import type { Digest } from "../digest/index.ts";
import type { StoreEvent } from "../events/index.ts";
import type { RepositoryName, Tag } from "../names/index.ts";
import type { RetentionClass } from "../retention/index.ts";

export interface ManifestToPut {
  readonly repository: RepositoryName;
  readonly home: number;
  readonly digest: Digest;
  readonly mediaType: string;
  readonly artifactType: string | undefined;
  readonly subject: Digest | undefined;
  readonly content: Uint8Array;
  readonly references: { readonly blobs: readonly Digest[]; readonly manifests: readonly Digest[] };
  readonly tags: readonly Tag[];
}

/**
 * Stores a manifest whose references have been seen in this transaction, and points its tags to it.
 * @returns whether the repository did not have it
 */
export async function putManifest(
  tx: Transaction<StoreTables>,
  tell: (event: StoreEvent) => void,
  manifest: ManifestToPut,
  by: {
    readonly rules: RetentionClass;
    readonly leaseMs: number;
    readonly now: number;
  },
): Promise<boolean> {
  const { repository, home, digest, mediaType, artifactType, subject, content, references } = manifest;
  const { rules, now } = by;
  const expiresAt = rules.lifetimeMs === null ? undefined : now + rules.lifetimeMs;
  const size = content.byteLength;
  const row = { digest, mediaType, size, content, artifactType, subject, class: rules.name, expiresAt };
  const made = await insertManifest(tx, home, row, now);
  if (made) {
    await recordReferences(tx, home, digest, references);
    tell({ type: "manifest.stored", repository, digest, size, mediaType });
  }
  if (expiresAt !== undefined || rules.untaggedMs !== null) {
    await reviewManifest(tx, home, digest, now + by.leaseMs);
  }
  for (const tag of manifest.tags) {
    const before = await pointTag(tx, home, tag, digest, now);
    if (before === digest) continue;
    tell({ type: "tag.moved", repository, tag, digest, before: before ?? null });
    if (before === undefined) continue;
    await untagManifest(tx, home, before, now);
    await reviewManifest(tx, home, before, now);
  }
  return made;
}
