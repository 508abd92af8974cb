import { preparedQuery, sql } from "@waybill/foundation/database";
import type { BlobKey } from "../blobs/index.ts";
import type { Digest } from "../digest/index.ts";
import type { RepositoryName } from "../names/index.ts";
import { recordRemoval } from "./collection.ts";
import type { Catalog } from "./schema.ts";

export interface BlobRow {
  readonly digest: Digest;
  readonly size: number;
  readonly leasedUntil: number;
  readonly key: BlobKey;
  /** Nothing referred to it at the last review: only a new lease keeps it. */
  readonly condemned: boolean;
  /** Its bytes are known not to be right: it is not promised to anybody until somebody pushes it again. */
  readonly damaged: boolean;
}

const shownBlob = preparedQuery(
  ["repository", "digest"],
  (catalog: Catalog, parameter: { repository: string; digest: string }) =>
    catalog
      .selectFrom("store_repositories as r")
      .innerJoin("store_repository_blobs as l", "l.repository_id", "r.id")
      .innerJoin("store_blobs as b", "b.digest", "l.digest")
      .select(["b.size", "b.leased_until", "b.storage_key", "b.condemned_at", "b.damaged_at"])
      .where("r.name", "=", parameter.repository)
      .where("l.digest", "=", parameter.digest),
);

/** The blob, if this repository may show it. */
export async function blobOf(
  catalog: Catalog,
  repository: RepositoryName,
  digest: Digest,
): Promise<BlobRow | undefined> {
  const [row] = await shownBlob(catalog, { repository, digest });
  return row && blobRow(digest, row, { condemned: row.condemned_at !== null, damaged: row.damaged_at !== null });
}

function blobRow(
  digest: Digest,
  row: { readonly size: number; readonly leased_until: number; readonly storage_key: string | null },
  state: Pick<BlobRow, "condemned" | "damaged">,
): BlobRow {
  const key = (row.storage_key ?? digest) as BlobKey;
  return { digest, size: row.size, leasedUntil: row.leased_until, key, ...state };
}

/** The longer of two leases: a clock that jumps back takes nothing away that was promised. */
const atLeast = (until: number) =>
  sql<number>`case when store_blobs.leased_until > ${until} then store_blobs.leased_until else ${until} end`;

/** Where the bytes of a named blob lie; undefined when it has no name. */
export async function keyOfBlob(catalog: Catalog, digest: Digest): Promise<BlobKey | undefined> {
  const row = await catalog
    .selectFrom("store_blobs")
    .select("storage_key")
    .where("digest", "=", digest)
    .executeTakeFirst();
  return row && ((row.storage_key ?? digest) as BlobKey);
}

const underDigest = preparedQuery(["digest"], (catalog: Catalog, parameter: { digest: string }) =>
  catalog
    .selectFrom("store_blobs")
    .select(["storage_key", sql<number>`0`.as("removed")])
    .where("digest", "=", parameter.digest)
    .unionAll(
      catalog
        .selectFrom("store_removals")
        .select(["storage_key", sql<number>`1`.as("removed")])
        .where("storage_key", "=", parameter.digest),
    ),
);

/** Where the bytes of a digest lie, if it is named; and whether bytes that have the digest itself as key are being removed. */
export async function lyingUnder(
  catalog: Catalog,
  digest: Digest,
): Promise<{ readonly key: BlobKey | undefined; readonly isRemoved: boolean }> {
  const rows = await underDigest(catalog, { digest });
  const named = rows.find((row) => row.removed === 0);
  return {
    key: named && ((named.storage_key ?? digest) as BlobKey),
    isRemoved: rows.some((row) => row.removed === 1),
  };
}

/**
 * Names a blob that is durable in the backend, and leases it. One that is named already gets the new bytes, so that a
 * damaged one heals wherever they lie, lives again if it was condemned, and its lease grows. Bytes that lay elsewhere are
 * removed when nobody reads them any more, which is taken to be at the end of the new lease.
 * @returns whether it was marked as damaged until now
 */
export async function recordBlob(
  tx: Catalog,
  blob: { readonly digest: Digest; readonly size: number; readonly leasedUntil: number; readonly key: BlobKey },
  now: number,
): Promise<boolean> {
  const key = blob.key === blob.digest ? null : blob.key;
  const { digest, size } = blob;
  const made = await tx
    .insertInto("store_blobs")
    .values({ digest, size, created_at: now, leased_until: blob.leasedUntil, storage_key: key })
    .onConflict((conflict) => conflict.doNothing())
    .returning("digest")
    .executeTakeFirst();
  if (made !== undefined) return false;
  const named = tx
    .updateTable("store_blobs")
    .set({ leased_until: atLeast(blob.leasedUntil), condemned_at: null, damaged_at: null })
    .where("digest", "=", digest)
    .returning("storage_key");
  const sound = await named.where("damaged_at", "is", null).executeTakeFirst();
  const before = sound ?? (await named.executeTakeFirstOrThrow());
  if (before.storage_key !== key) {
    await tx.updateTable("store_blobs").set({ storage_key: key }).where("digest", "=", digest).execute();
    await recordRemoval(tx, { key: (before.storage_key ?? digest) as BlobKey, size }, now, blob.leasedUntil);
  }
  return sound === undefined;
}

/** Leases a blob that is named; a condemned one lives again. False when it is not named, or no longer, or damaged. */
export async function leaseBlob(tx: Catalog, digest: Digest, until: number): Promise<boolean> {
  const leased = await tx
    .updateTable("store_blobs")
    .set({ leased_until: atLeast(until), condemned_at: null })
    .where("digest", "=", digest)
    .where("damaged_at", "is", null)
    .returning("digest")
    .executeTakeFirst();
  return leased !== undefined;
}

/** Leases a blob, and makes a condemned one live again, if this repository shows it and it is not damaged. */
export async function leaseShownBlob(
  tx: Catalog,
  repository: RepositoryName,
  digest: Digest,
  until: number,
): Promise<BlobRow | undefined> {
  const row = await tx
    .updateTable("store_blobs")
    .set({ leased_until: atLeast(until), condemned_at: null })
    .where("digest", "=", digest)
    .where("damaged_at", "is", null)
    .where((is) =>
      is.exists(
        is
          .selectFrom("store_repository_blobs as l")
          .innerJoin("store_repositories as r", "r.id", "l.repository_id")
          .select("l.digest")
          .where("l.digest", "=", digest)
          .where("r.name", "=", repository),
      ),
    )
    .returning(["size", "leased_until", "storage_key"])
    .executeTakeFirst();
  return row && blobRow(digest, row, { condemned: false, damaged: false });
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
