import type { DigestAlgorithm } from "../digest/index.ts";
import type { RepositoryName } from "../names/index.ts";
import type { Catalog } from "./schema.ts";

/** An upload that may go on. How far it got is the backend's to say: the bytes are the truth. */
export interface UploadRow {
  readonly id: string;
  readonly repository: RepositoryName;
  readonly algorithm: DigestAlgorithm;
  readonly createdAt: number;
  readonly expiresAt: number;
}

const batch = 500;

export async function insertUpload(tx: Catalog, upload: UploadRow): Promise<void> {
  await tx
    .insertInto("store_uploads")
    .values({
      id: upload.id,
      repository: upload.repository,
      algorithm: upload.algorithm,
      created_at: upload.createdAt,
      expires_at: upload.expiresAt,
    })
    .execute();
}

export async function findUpload(catalog: Catalog, id: string): Promise<UploadRow | undefined> {
  const row = await catalog.selectFrom("store_uploads").selectAll().where("id", "=", id).executeTakeFirst();
  return (
    row && {
      id: row.id,
      repository: row.repository as RepositoryName,
      algorithm: row.algorithm as DigestAlgorithm,
      createdAt: row.created_at,
      expiresAt: row.expires_at,
    }
  );
}

export async function extendUpload(tx: Catalog, id: string, expiresAt: number): Promise<void> {
  await tx.updateTable("store_uploads").set({ expires_at: expiresAt }).where("id", "=", id).execute();
}

/** Says whether it was there: of several who end an upload at once, one did. */
export async function deleteUpload(tx: Catalog, id: string): Promise<boolean> {
  const gone = await tx.deleteFrom("store_uploads").where("id", "=", id).returning("id").executeTakeFirst();
  return gone !== undefined;
}

/** Ids of uploads that nobody continued in time. */
export async function expiredUploads(catalog: Catalog, now: number, limit: number): Promise<string[]> {
  const rows = await catalog
    .selectFrom("store_uploads")
    .select("id")
    .where("expires_at", "<=", now)
    .orderBy("expires_at")
    .limit(limit)
    .execute();
  return rows.map((row) => row.id);
}

/** Ids of all uploads; one that is begun or ended meanwhile may be missing. */
export async function* everyUpload(catalog: Catalog): AsyncGenerator<string> {
  for (let after = ""; ;) {
    const rows = await catalog
      .selectFrom("store_uploads")
      .select("id")
      .where("id", ">", after)
      .orderBy("id")
      .limit(batch)
      .execute();
    for (const { id } of rows) yield id;
    const last = rows.at(-1);
    if (last === undefined) return;
    after = last.id;
  }
}

/** Those of `ids` that are uploads. */
export async function knownUploads(catalog: Catalog, ids: readonly string[]): Promise<Set<string>> {
  const known = new Set<string>();
  for (let start = 0; start < ids.length; start += batch) {
    const rows = await catalog
      .selectFrom("store_uploads")
      .select("id")
      .where("id", "in", ids.slice(start, start + batch))
      .execute();
    for (const row of rows) known.add(row.id);
  }
  return known;
}
