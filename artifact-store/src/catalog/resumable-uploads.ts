import { sql } from "@waybill/foundation/database";
import type { Digest } from "../digest/index.ts";
import type { RepositoryName } from "../names/index.ts";
import type { Catalog } from "./schema.ts";

/** What tus calls the upload's place in a concatenation. */
export type UploadPart = "whole" | "partial" | "final";

/** What a resumable upload has beside its session, and what is left of it when the session has ended as a blob. */
export interface ResumableUploadRow {
  readonly id: string;
  readonly repository: RepositoryName;
  readonly part: UploadPart;
  /** Bytes of the whole; undefined while its sender has not said. */
  readonly length: number | undefined;
  /** The digest that the bytes must have; undefined: any. */
  readonly expected: Digest | undefined;
  /** What the sender wants to hear again, as it sent it (tus: `Upload-Metadata`). */
  readonly metadata: string | undefined;
  /** Set when it has ended as a blob. */
  readonly digest: Digest | undefined;
  /** When it is forgotten, unless its session lives longer. Milliseconds since 1970. */
  readonly expiresAt: number;
}

export async function insertResumableUpload(tx: Catalog, row: ResumableUploadRow): Promise<void> {
  await tx
    .insertInto("store_resumable_uploads")
    .values({
      id: row.id,
      repository: row.repository,
      part: row.part,
      length: row.length ?? null,
      expected: row.expected ?? null,
      metadata: row.metadata ?? null,
      digest: row.digest ?? null,
      expires_at: row.expiresAt,
    })
    .execute();
}

export async function findResumableUpload(catalog: Catalog, id: string): Promise<ResumableUploadRow | undefined> {
  const row = await catalog.selectFrom("store_resumable_uploads").selectAll().where("id", "=", id).executeTakeFirst();
  return (
    row && {
      id: row.id,
      repository: row.repository as RepositoryName,
      part: row.part as UploadPart,
      length: row.length ?? undefined,
      expected: (row.expected ?? undefined) as Digest | undefined,
      metadata: row.metadata ?? undefined,
      digest: (row.digest ?? undefined) as Digest | undefined,
      expiresAt: row.expires_at,
    }
  );
}

/** Says the length of one that had none. */
export async function setUploadLength(tx: Catalog, id: string, length: number): Promise<void> {
  await tx
    .updateTable("store_resumable_uploads")
    .set({ length })
    .where("id", "=", id)
    .where("length", "is", null)
    .execute();
}

/** Remembers what it has become, so that a sender who missed the answer can ask again. */
export async function finishResumableUpload(
  tx: Catalog,
  id: string,
  blob: { readonly digest: Digest; readonly size: number },
  expiresAt: number,
): Promise<void> {
  await tx
    .updateTable("store_resumable_uploads")
    .set({ digest: blob.digest, length: blob.size, expires_at: expiresAt })
    .where("id", "=", id)
    .execute();
}

export async function deleteResumableUpload(tx: Catalog, id: string): Promise<void> {
  await tx.deleteFrom("store_resumable_uploads").where("id", "=", id).execute();
}

/** Forgets what is over and what has lost its session. */
export async function forgetResumableUploads(tx: Catalog, now: number): Promise<void> {
  await tx
    .deleteFrom("store_resumable_uploads")
    .where("expires_at", "<=", now)
    .where((where) =>
      where.not(
        where.exists(
          where
            .selectFrom("store_uploads as u")
            .select(sql<number>`1`.as("one"))
            .whereRef("u.id", "=", "store_resumable_uploads.id"),
        ),
      ),
    )
    .execute();
}
