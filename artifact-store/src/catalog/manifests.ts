import type { Digest } from "../digest/index.ts";
import type { RepositoryName, Tag } from "../names/index.ts";
import type { Catalog } from "./schema.ts";

export interface ManifestRow {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly size: number;
  readonly content: Uint8Array;
}

export interface NewManifest extends ManifestRow {
  readonly artifactType: string | undefined;
  readonly subject: Digest | undefined;
}

const batch = 500;

/** The manifest that a tag points to, or that has this digest, in one query. */
export async function findManifest(
  catalog: Catalog,
  repository: RepositoryName,
  reference: { readonly tag: Tag } | { readonly digest: Digest },
): Promise<ManifestRow | undefined> {
  const named = catalog.selectFrom("store_repositories as r").where("r.name", "=", repository);
  const found =
    "tag" in reference
      ? named
          .innerJoin("store_tags as t", "t.repository_id", "r.id")
          .innerJoin("store_manifests as m", (join) =>
            join.onRef("m.repository_id", "=", "t.repository_id").onRef("m.digest", "=", "t.digest"),
          )
          .where("t.name", "=", reference.tag)
      : named.innerJoin("store_manifests as m", "m.repository_id", "r.id").where("m.digest", "=", reference.digest);
  const row = await found.select(["m.digest", "m.media_type", "m.size", "m.content"]).executeTakeFirst();
  return row && { digest: row.digest as Digest, mediaType: row.media_type, size: row.size, content: row.content };
}

/** Says whether the repository did not have it; one that it has keeps its bytes and takes the new media type. */
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
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning("digest")
    .executeTakeFirst();
  if (made !== undefined) return true;
  await tx
    .updateTable("store_manifests")
    .set({ media_type: manifest.mediaType })
    .where("repository_id", "=", repository)
    .where("digest", "=", manifest.digest)
    .where("media_type", "<>", manifest.mediaType)
    .execute();
  return false;
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

/** Those of `digests` that are no manifests of the repository. */
export async function missingManifests(
  catalog: Catalog,
  repository: number,
  digests: readonly Digest[],
): Promise<Digest[]> {
  const missing = new Set(digests);
  const wanted = [...missing];
  for (let start = 0; start < wanted.length; start += batch) {
    const rows = await catalog
      .selectFrom("store_manifests")
      .select("digest")
      .where("repository_id", "=", repository)
      .where("digest", "in", wanted.slice(start, start + batch))
      .execute();
    for (const row of rows) missing.delete(row.digest as Digest);
  }
  return [...missing];
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
