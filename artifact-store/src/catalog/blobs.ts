import type { Digest } from "../digest/index.ts";
import type { RepositoryName } from "../names/index.ts";
import type { Catalog } from "./schema.ts";

export interface BlobRow {
  readonly digest: Digest;
  readonly size: number;
  readonly leasedUntil: number;
}

/** As many digests as one statement asks for: below every database's limit of parameters. */
const batch = 500;

/** The blob, if this repository may show it. */
export async function blobOf(
  catalog: Catalog,
  repository: RepositoryName,
  digest: Digest,
): Promise<BlobRow | undefined> {
  const row = await catalog
    .selectFrom("store_repositories as r")
    .innerJoin("store_repository_blobs as l", "l.repository_id", "r.id")
    .innerJoin("store_blobs as b", "b.digest", "l.digest")
    .select(["b.size", "b.leased_until"])
    .where("r.name", "=", repository)
    .where("l.digest", "=", digest)
    .executeTakeFirst();
  return row && { digest, size: row.size, leasedUntil: row.leased_until };
}

/** Names a blob that is durable in the backend, and leases it; for one that is named already only the lease grows. */
export async function recordBlob(
  tx: Catalog,
  blob: { readonly digest: Digest; readonly size: number; readonly leasedUntil: number },
  now: number,
): Promise<void> {
  await tx
    .insertInto("store_blobs")
    .values({ digest: blob.digest, size: blob.size, created_at: now, leased_until: blob.leasedUntil })
    .onConflict((conflict) => conflict.column("digest").doUpdateSet({ leased_until: blob.leasedUntil }))
    .execute();
}

/** Leases a blob that is named. False when it is not, or no longer. */
export async function leaseBlob(tx: Catalog, digest: Digest, until: number): Promise<boolean> {
  const leased = await tx
    .updateTable("store_blobs")
    .set({ leased_until: until })
    .where("digest", "=", digest)
    .returning("digest")
    .executeTakeFirst();
  return leased !== undefined;
}

/** Shows a blob in a repository. Says whether it was not shown there before. */
export async function linkBlob(tx: Catalog, repository: number, digest: Digest, now: number): Promise<boolean> {
  const made = await tx
    .insertInto("store_repository_blobs")
    .values({ repository_id: repository, digest, created_at: now })
    .onConflict((conflict) => conflict.doNothing())
    .returning("digest")
    .executeTakeFirst();
  return made !== undefined;
}

/** Says whether it was shown there. */
export async function unlinkBlob(tx: Catalog, repository: number, digest: Digest): Promise<boolean> {
  const gone = await tx
    .deleteFrom("store_repository_blobs")
    .where("repository_id", "=", repository)
    .where("digest", "=", digest)
    .returning("digest")
    .executeTakeFirst();
  return gone !== undefined;
}

/** Those of `digests` that the repository does not show. */
export async function missingBlobs(
  catalog: Catalog,
  repository: number,
  digests: readonly Digest[],
): Promise<Digest[]> {
  const missing = new Set(digests);
  const wanted = [...missing];
  for (let start = 0; start < wanted.length; start += batch) {
    const rows = await catalog
      .selectFrom("store_repository_blobs")
      .select("digest")
      .where("repository_id", "=", repository)
      .where("digest", "in", wanted.slice(start, start + batch))
      .execute();
    for (const row of rows) missing.delete(row.digest as Digest);
  }
  return [...missing];
}
