import { preparedQuery, sql } from "@waybill/foundation/database";
import type { Digest } from "../digest/index.ts";
import type { RepositoryName, Tag } from "../names/index.ts";
import type { Catalog } from "./schema.ts";

export interface ManifestRow {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly size: number;
  readonly content: Uint8Array;
}

/** As it is found: with the row of its repository, and when somebody was told of it last. */
export interface FoundManifest extends ManifestRow {
  readonly repositoryId: number;
  readonly usedAt: number;
}

export interface NewManifest extends ManifestRow {
  readonly artifactType: string | undefined;
  readonly subject: Digest | undefined;
  readonly class: string;
  readonly expiresAt: number | undefined;
}

const columns = ["m.repository_id", "m.digest", "m.media_type", "m.size", "m.content", "m.used_at"] as const;

const byTag = preparedQuery(["repository", "tag"], (catalog: Catalog, parameter: { repository: string; tag: string }) =>
  catalog
    .selectFrom("store_repositories as r")
    .innerJoin("store_tags as t", "t.repository_id", "r.id")
    .innerJoin("store_manifests as m", (join) =>
      join.onRef("m.repository_id", "=", "t.repository_id").onRef("m.digest", "=", "t.digest"),
    )
    .where("r.name", "=", parameter.repository)
    .where("t.name", "=", parameter.tag)
    .select(columns),
);

const byDigest = preparedQuery(
  ["repository", "digest"],
  (catalog: Catalog, parameter: { repository: string; digest: string }) =>
    catalog
      .selectFrom("store_repositories as r")
      .innerJoin("store_manifests as m", "m.repository_id", "r.id")
      .where("r.name", "=", parameter.repository)
      .where("m.digest", "=", parameter.digest)
      .select(columns),
);

/** The manifest that a tag points to, or that has this digest, in one query. */
export async function findManifest(
  catalog: Catalog,
  repository: RepositoryName,
  reference: { readonly tag: Tag } | { readonly digest: Digest },
): Promise<FoundManifest | undefined> {
  const [row] =
    "tag" in reference
      ? await byTag(catalog, { repository, tag: reference.tag })
      : await byDigest(catalog, { repository, digest: reference.digest });
  return (
    row && {
      repositoryId: row.repository_id,
      digest: row.digest as Digest,
      mediaType: row.media_type,
      size: row.size,
      content: row.content,
      usedAt: row.used_at,
    }
  );
}

/** The later of two uses: a clock that jumps back takes nothing away that was promised. */
const atLeast = (now: number) =>
  sql<number>`case when store_manifests.used_at > ${now} then store_manifests.used_at else ${now} end`;

/**
 * Says whether the repository did not have it: then its references are recorded next. One that it has keeps its bytes and
 * takes the new media type.
 */
export async function insertManifest(
  tx: Catalog,
  repository: number,
  manifest: NewManifest,
  now: number,
): Promise<boolean> {
  const made = await tx
    .insertInto("store_manifests")
    .values({
      repository_id: repository,
      digest: manifest.digest,
      media_type: manifest.mediaType,
      artifact_type: manifest.artifactType ?? null,
      subject: manifest.subject ?? null,
      size: manifest.size,
      content: manifest.content,
      created_at: now,
      class: manifest.class,
      expires_at: manifest.expiresAt ?? null,
      used_at: now,
      indexed: 1,
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning("digest")
    .executeTakeFirst();
  if (made !== undefined) return true;
  await tx
    .updateTable("store_manifests")
    .set({ media_type: manifest.mediaType, used_at: atLeast(now), orphan_of: null })
    .where("repository_id", "=", repository)
    .where("digest", "=", manifest.digest)
    .execute();
  return false;
}

/** Notes that somebody is told of a manifest. False when it is gone. */
export async function useManifest(tx: Catalog, repository: number, digest: Digest, now: number): Promise<boolean> {
  const used = await tx
    .updateTable("store_manifests")
    .set({ used_at: atLeast(now) })
    .where("repository_id", "=", repository)
    .where("digest", "=", digest)
    .returning("digest")
    .executeTakeFirst();
  return used !== undefined;
}

/** Takes the manifest and every tag that points to it. Says whether it was there. */
export async function deleteManifest(tx: Catalog, repository: number, digest: Digest): Promise<boolean> {
  const gone = await tx
    .deleteFrom("store_manifests")
    .where("repository_id", "=", repository)
    .where("digest", "=", digest)
    .returning("digest")
    .executeTakeFirst();
  return gone !== undefined;
}

/** Manifests whose subject this is, by digest, after `after`. */
export async function pageReferrers(
  catalog: Catalog,
  repository: number,
  page: {
    readonly subject: Digest;
    readonly artifactType: string | undefined;
    readonly after: string;
    readonly limit: number;
  },
): Promise<(ManifestRow & { readonly artifactType: string | undefined })[]> {
  let query = catalog
    .selectFrom("store_manifests")
    .select(["digest", "media_type", "size", "content", "artifact_type"])
    .where("repository_id", "=", repository)
    .where("subject", "=", page.subject)
    .where("digest", ">", page.after)
    .orderBy("digest")
    .limit(page.limit);
  if (page.artifactType !== undefined) query = query.where("artifact_type", "=", page.artifactType);
  const rows = await query.execute();
  return rows.map((row) => ({
    digest: row.digest as Digest,
    mediaType: row.media_type,
    size: row.size,
    content: row.content,
    artifactType: row.artifact_type ?? undefined,
  }));
}
