import { sql } from "@waybill/foundation/database";
import { digestOfKey, uploadOfKey, type BlobKey } from "../blobs/index.ts";
import type { Digest } from "../digest/index.ts";
import type { RepositoryName } from "../names/index.ts";
import type { Catalog } from "./schema.ts";
import { findUpload } from "./uploads.ts";

export interface ManifestReview {
  readonly repositoryId: number;
  readonly repository: RepositoryName;
  readonly digest: Digest;
}

/** What the catalog says of a blob that is under review. */
export interface BlobState {
  readonly key: BlobKey;
  readonly size: number;
  readonly leasedUntil: number;
  readonly condemnedAt: number | undefined;
  /** Repositories that show it, and since when. */
  readonly links: readonly BlobLink[];
  /** Repositories in which manifests and open packages name it, and how many. */
  readonly namedIn: ReadonlyMap<number, number>;
}

export interface BlobLink {
  readonly repositoryId: number;
  readonly repository: RepositoryName;
  readonly since: number;
}

export interface Removal {
  readonly key: BlobKey;
  readonly size: number;
}

export async function dueBlobs(
  catalog: Catalog,
  due: { readonly until: number; readonly after?: Digest; readonly limit: number },
): Promise<Digest[]> {
  const rows = await catalog
    .selectFrom("store_blob_reviews")
    .select("digest")
    .where("due_at", "<=", due.until)
    .where("digest", ">", due.after ?? "")
    .orderBy("digest")
    .limit(due.limit)
    .execute();
  return rows.map((row) => row.digest as Digest);
}

export async function dueManifests(
  catalog: Catalog,
  due: { readonly until: number; readonly limit: number; readonly offset?: number },
): Promise<ManifestReview[]> {
  const rows = await catalog
    .selectFrom("store_manifest_reviews as v")
    .innerJoin("store_repositories as r", "r.id", "v.repository_id")
    .select(["v.repository_id", "r.name", "v.digest"])
    .where("v.due_at", "<=", due.until)
    .orderBy("v.due_at")
    .orderBy("v.repository_id")
    .orderBy("v.digest")
    .limit(due.limit)
    .offset(due.offset ?? 0)
    .execute();
  return rows.map((row) => ({
    repositoryId: row.repository_id,
    repository: row.name as RepositoryName,
    digest: row.digest as Digest,
  }));
}

/** Every manifest, by repository and digest. */
export async function* pageAllManifests(catalog: Catalog): AsyncGenerator<ManifestReview> {
  const pageSize = 500;
  for (let last = { repository_id: 0, digest: "" }; ;) {
    const rows = await catalog
      .selectFrom("store_manifests as m")
      .innerJoin("store_repositories as r", "r.id", "m.repository_id")
      .select(["m.repository_id", "r.name", "m.digest"])
      .where((where) =>
        where.or([
          where("m.repository_id", ">", last.repository_id),
          where.and([where("m.repository_id", "=", last.repository_id), where("m.digest", ">", last.digest)]),
        ]),
      )
      .orderBy("m.repository_id")
      .orderBy("m.digest")
      .limit(pageSize)
      .execute();
    for (const row of rows) {
      yield {
        repositoryId: row.repository_id,
        repository: row.name as RepositoryName,
        digest: row.digest as Digest,
      };
    }
    const end = rows.at(-1);
    if (end === undefined || rows.length < pageSize) return;
    last = end;
  }
}

/** Ends a blob's review, or puts it off: in the transaction that has read the facts, or what somebody asks for meanwhile is lost. */
export async function settleBlobReview(tx: Catalog, digest: Digest, next: number | undefined): Promise<void> {
  if (next === undefined) await tx.deleteFrom("store_blob_reviews").where("digest", "=", digest).execute();
  else await tx.updateTable("store_blob_reviews").set({ due_at: next }).where("digest", "=", digest).execute();
}

export async function settleManifestReview(
  tx: Catalog,
  repository: number,
  digest: Digest,
  next: number | undefined,
): Promise<void> {
  await tx
    .deleteFrom("store_manifest_reviews")
    .where("repository_id", "=", repository)
    .where("digest", "=", digest)
    .execute();
  if (next === undefined) return;
  await tx
    .insertInto("store_manifest_reviews")
    .values({ repository_id: repository, digest, due_at: next })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/** What a review of a blob decides upon; undefined when it is gone. */
export async function blobState(catalog: Catalog, digest: Digest): Promise<BlobState | undefined> {
  const row = await catalog.selectFrom("store_blobs").selectAll().where("digest", "=", digest).executeTakeFirst();
  if (row === undefined) return undefined;
  const uses = await sql<{ repository_id: number; name: string | null; since: number; names: number }>`
    select l.repository_id, r.name, l.created_at as since, 0 as names
      from store_repository_blobs l join store_repositories r on r.id = l.repository_id where l.digest = ${digest}
    union all
    select repository_id, null, 0, count(*) from store_manifest_blobs where blob = ${digest} group by repository_id
    union all
    select repository_id, null, 0, count(*) from store_package_files where digest = ${digest} group by repository_id
    order by 1`.execute(catalog);
  const links: BlobLink[] = [];
  const namedIn = new Map<number, number>();
  for (const { repository_id: repositoryId, name, since, names } of uses.rows) {
    if (name !== null) links.push({ repositoryId, repository: name as RepositoryName, since });
    else namedIn.set(repositoryId, (namedIn.get(repositoryId) ?? 0) + names);
  }
  return {
    key: (row.storage_key ?? digest) as BlobKey,
    size: row.size,
    leasedUntil: row.leased_until,
    condemnedAt: row.condemned_at ?? undefined,
    links,
    namedIn,
  };
}

/** What would have to be looked at when a manifest were deleted. */
export async function dependantsOf(
  catalog: Catalog,
  repository: number,
  manifest: Digest,
): Promise<{ readonly blobs: Digest[]; readonly manifests: Digest[] }> {
  const blobs = await catalog
    .selectFrom("store_manifest_blobs")
    .select("blob")
    .where("repository_id", "=", repository)
    .where("manifest", "=", manifest)
    .execute();
  const children = await catalog
    .selectFrom("store_manifest_children")
    .select("child as digest")
    .where("repository_id", "=", repository)
    .where("parent", "=", manifest)
    .union(
      catalog
        .selectFrom("store_manifests")
        .select("digest")
        .where("repository_id", "=", repository)
        .where("subject", "=", manifest),
    )
    .orderBy("digest")
    .execute();
  return { blobs: blobs.map((row) => row.blob as Digest), manifests: children.map((row) => row.digest as Digest) };
}

/** Live to condemned and back. False when it was in the state already. */
export async function condemnBlob(tx: Catalog, digest: Digest, at: number | undefined): Promise<boolean> {
  const changed = await tx
    .updateTable("store_blobs")
    .set({ condemned_at: at ?? null })
    .where("digest", "=", digest)
    .where("condemned_at", at === undefined ? "is not" : "is", null)
    .returning("digest")
    .executeTakeFirst();
  return changed !== undefined;
}

/** Condemned to deleting: nobody has this blob any more, and its bytes wait to be removed. False when it is not condemned. */
export async function forgetBlob(tx: Catalog, digest: Digest, removal: Removal, now: number): Promise<boolean> {
  await tx.deleteFrom("store_repository_blobs").where("digest", "=", digest).execute();
  const gone = await tx
    .deleteFrom("store_blobs")
    .where("digest", "=", digest)
    .where("condemned_at", "is not", null)
    .returning("digest")
    .executeTakeFirst();
  if (gone === undefined) return false;
  await recordRemoval(tx, removal, now);
  return true;
}

/** @param dueAt not before: somebody may be reading the bytes. Milliseconds since 1970 */
export async function recordRemoval(tx: Catalog, removal: Removal, now: number, dueAt = 0): Promise<void> {
  await tx
    .insertInto("store_removals")
    .values({ storage_key: removal.key, size: removal.size, created_at: now, due_at: dueAt })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/** Bytes to remove, by key, that are due at `until`. */
export async function removals(catalog: Catalog, after: string, limit: number, until: number): Promise<Removal[]> {
  const rows = await catalog
    .selectFrom("store_removals")
    .select(["storage_key", "size"])
    .where("storage_key", ">", after)
    .where("due_at", "<=", until)
    .orderBy("storage_key")
    .limit(limit)
    .execute();
  return rows.map((row) => ({ key: row.storage_key as BlobKey, size: row.size }));
}

/** Deleting to gone. */
export async function settleRemoval(tx: Catalog, key: BlobKey): Promise<void> {
  await tx.deleteFrom("store_removals").where("storage_key", "=", key).execute();
}

/** Whether a blob has this key, an upload that goes on may still become one under it, or bytes under it wait to be removed. */
export async function isNamedKey(catalog: Catalog, key: BlobKey): Promise<boolean> {
  const digest = digestOfKey(key);
  const blobs = catalog.selectFrom("store_blobs").select("storage_key");
  const row = await (
    digest === undefined ? blobs.where("storage_key", "=", key) : blobs.where("digest", "=", digest)
  ).executeTakeFirst();
  if (row !== undefined && (row.storage_key ?? digest) === key) return true;
  const upload = uploadOfKey(key);
  if (upload !== undefined && (await findUpload(catalog, upload)) !== undefined) return true;
  return await isBeingRemoved(catalog, key);
}

export async function isBeingRemoved(catalog: Catalog, key: BlobKey): Promise<boolean> {
  const row = await catalog
    .selectFrom("store_removals")
    .select("storage_key")
    .where("storage_key", "=", key)
    .executeTakeFirst();
  return row !== undefined;
}

/** How many blobs there are, and their bytes. Looks at every one. */
export async function sizeOfBlobs(catalog: Catalog): Promise<{ readonly blobs: number; readonly bytes: number }> {
  const row = await catalog
    .selectFrom("store_blobs")
    .select((is) => [is.fn.countAll<number>().as("blobs"), is.fn.sum<number | null>("size").as("bytes")])
    .executeTakeFirstOrThrow();
  return { blobs: row.blobs, bytes: row.bytes ?? 0 };
}

/** A blob, and where its bytes lie. */
export interface NamedBlob {
  readonly digest: Digest;
  readonly key: BlobKey;
  readonly size: number;
}

const blobsAtOnce = 200;

/** Every blob by digest, read in pages while they are asked for; one that comes or goes meanwhile may be missing. */
export async function* everyBlob(catalog: Catalog): AsyncGenerator<NamedBlob> {
  for (let after = ""; ;) {
    const page = await catalog
      .selectFrom("store_blobs")
      .select(["digest", "storage_key", "size"])
      .where("digest", ">", after)
      .orderBy("digest")
      .limit(blobsAtOnce)
      .execute();
    for (const { digest, storage_key: key, size } of page) {
      yield { digest: digest as Digest, key: (key ?? digest) as BlobKey, size };
      after = digest;
    }
    if (page.length < blobsAtOnce) return;
  }
}
