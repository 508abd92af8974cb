import { sql } from "@waybill/foundation/database";
import type { Digest } from "../digest/index.ts";
import type { Catalog } from "./schema.ts";

/** What a manifest names of its repository's content. */
export interface References {
  readonly blobs: readonly Digest[];
  readonly manifests: readonly Digest[];
}

export interface UnindexedManifest {
  readonly repository: number;
  readonly digest: Digest;
  readonly mediaType: string;
  readonly content: Uint8Array;
}

const rowsAtOnce = 500;

/** Writes down what a manifest names, once, in the transaction that stores it: from then on that is kept because of it. */
export async function recordReferences(
  tx: Catalog,
  repository: number,
  manifest: Digest,
  references: References,
): Promise<void> {
  const blobs = [...new Set(references.blobs)].map((blob) => ({ repository_id: repository, manifest, blob }));
  for (let start = 0; start < blobs.length; start += rowsAtOnce) {
    await tx
      .insertInto("store_manifest_blobs")
      .values(blobs.slice(start, start + rowsAtOnce))
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
  const children = [...new Set(references.manifests)].map((child) => ({
    repository_id: repository,
    parent: manifest,
    child,
  }));
  for (let start = 0; start < children.length; start += rowsAtOnce) {
    await tx
      .insertInto("store_manifest_children")
      .values(children.slice(start, start + rowsAtOnce))
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
}

/** Notes that the references of a manifest from before they were written down are. */
export async function markIndexed(tx: Catalog, repository: number, manifest: Digest): Promise<void> {
  await tx
    .updateTable("store_manifests")
    .set({ indexed: 1 })
    .where("repository_id", "=", repository)
    .where("digest", "=", manifest)
    .execute();
}

/** Manifests from before references were written down. */
export async function unindexedManifests(catalog: Catalog, limit: number): Promise<UnindexedManifest[]> {
  const rows = await catalog
    .selectFrom("store_manifests")
    .select(["repository_id", "digest", "media_type", "content"])
    // As text, so that both databases see that their partial index fits.
    .where(sql<boolean>`indexed = 0`)
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    repository: row.repository_id,
    digest: row.digest as Digest,
    mediaType: row.media_type,
    content: row.content,
  }));
}

/**
 * Looks again at what a manifest that is about to be deleted kept: its blobs at once, and its children and referrers,
 * which may have nobody else. Call it before the manifest's rows go.
 */
export async function releaseReferences(tx: Catalog, repository: number, manifest: Digest, now: number): Promise<void> {
  await tx
    .insertInto("store_blob_reviews")
    .columns(["digest", "due_at"])
    .expression((from) =>
      from
        .selectFrom("store_manifest_blobs")
        .select(["blob", sql<number>`cast(${now} as bigint)`.as("due_at")])
        .where("repository_id", "=", repository)
        .where("manifest", "=", manifest)
        .orderBy("blob"),
    )
    .onConflict((conflict) => conflict.column("digest").doUpdateSet({ due_at: now }))
    .execute();
  const children = tx
    .selectFrom("store_manifest_children")
    .select("child")
    .where("repository_id", "=", repository)
    .where("parent", "=", manifest);
  const dependants = await tx
    .updateTable("store_manifests")
    .set({ orphan_of: manifest })
    .where("repository_id", "=", repository)
    .where((is) => is.or([is("digest", "in", children), is("subject", "=", manifest)]))
    .where("digest", "<>", manifest)
    .returning("digest")
    .execute();
  for (const { digest } of dependants) await reviewManifest(tx, repository, digest as Digest, now);
}

/** Asks for a look at a blob, at the latest at `dueAt`. */
export async function reviewBlob(tx: Catalog, digest: Digest, dueAt: number): Promise<void> {
  await tx
    .insertInto("store_blob_reviews")
    .values({ digest, due_at: dueAt })
    .onConflict((conflict) =>
      conflict.column("digest").doUpdateSet({ due_at: dueAt }).where("store_blob_reviews.due_at", ">", dueAt),
    )
    .execute();
}

/** Asks for a look at a manifest, at the latest at `dueAt`. */
export async function reviewManifest(tx: Catalog, repository: number, digest: Digest, dueAt: number): Promise<void> {
  await tx
    .insertInto("store_manifest_reviews")
    .values({ repository_id: repository, digest, due_at: dueAt })
    .onConflict((conflict) =>
      conflict
        .columns(["repository_id", "digest"])
        .doUpdateSet({ due_at: dueAt })
        .where("store_manifest_reviews.due_at", ">", dueAt),
    )
    .execute();
}
