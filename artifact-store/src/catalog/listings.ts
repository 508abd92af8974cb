import type { Digest } from "../digest/index.ts";
import type { RepositoryName } from "../names/index.ts";
import type { Catalog } from "./schema.ts";
import type { Tombstone } from "./retention.ts";
import type { UploadRow } from "./uploads.ts";
import { rangeOfTenant, type Visible } from "./visible.ts";

/** Where a page begins, and how long it may be. */
export interface PageOf {
  /** The last of the page before; empty for the first. */
  readonly after: string;
  readonly limit: number;
}

/** A manifest as a list shows it. Times are milliseconds since 1970. */
export interface ListedManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly artifactType: string | undefined;
  readonly subject: Digest | undefined;
  /** Bytes of the manifest itself. */
  readonly size: number;
  /** Bytes of the blobs that it names, each once. */
  readonly contentSize: number;
  readonly createdAt: number;
  readonly class: string;
  readonly expiresAt: number | undefined;
  /** In byte order. */
  readonly tags: readonly string[];
}

/** A repository's manifests by digest. @param only that one */
export async function pageManifests(
  catalog: Catalog,
  repository: number,
  page: PageOf & { readonly only?: Digest },
): Promise<ListedManifest[]> {
  const { only } = page;
  const rows = await catalog
    .selectFrom("store_manifests as m")
    .select([
      "m.digest",
      "m.media_type",
      "m.artifact_type",
      "m.subject",
      "m.size",
      "m.created_at",
      "m.class",
      "m.expires_at",
    ])
    .where("m.repository_id", "=", repository)
    .where("m.digest", ">", page.after)
    .$if(only !== undefined, (query) => query.where("m.digest", "=", only ?? ""))
    .orderBy("m.digest")
    .limit(page.limit)
    .execute();
  const digests = rows.map((row) => row.digest);
  if (digests.length === 0) return [];
  const sizes = await catalog
    .selectFrom("store_manifest_blobs as r")
    .innerJoin("store_blobs as b", "b.digest", "r.blob")
    .select((select) => ["r.manifest", select.fn.sum<number | string>("b.size").as("bytes")])
    .where("r.repository_id", "=", repository)
    .where("r.manifest", "in", digests)
    .groupBy("r.manifest")
    .execute();
  const tags = await catalog
    .selectFrom("store_tags")
    .select(["name", "digest"])
    .where("repository_id", "=", repository)
    .where("digest", "in", digests)
    .orderBy("name")
    .execute();
  const bytes = new Map(sizes.map((row) => [row.manifest, Number(row.bytes)]));
  const names = Map.groupBy(tags, (row) => row.digest);
  return rows.map((row) => ({
    digest: row.digest as Digest,
    mediaType: row.media_type,
    artifactType: row.artifact_type ?? undefined,
    subject: (row.subject ?? undefined) as Digest | undefined,
    size: row.size,
    contentSize: bytes.get(row.digest) ?? 0,
    createdAt: row.created_at,
    class: row.class,
    expiresAt: row.expires_at ?? undefined,
    tags: (names.get(row.digest) ?? []).map((tag) => tag.name),
  }));
}

/** Uploads that somebody may see, by id. */
export async function pageUploads(
  catalog: Catalog,
  page: PageOf & { readonly visible: Visible; readonly now: number },
): Promise<UploadRow[]> {
  const { tenant, names } = page.visible;
  if (names?.length === 0) return [];
  const range = rangeOfTenant(tenant ?? "");
  const rows = await catalog
    .selectFrom("store_uploads")
    .selectAll()
    .where("id", ">", page.after)
    .where("expires_at", ">", page.now)
    .$if(names !== undefined, (query) => query.where("repository", "in", [...(names ?? [])]))
    .$if(tenant !== undefined, (query) =>
      query.where((where) =>
        where.or([
          where("repository", "=", tenant ?? ""),
          where.and([where("repository", ">", range.above), where("repository", "<", range.below)]),
        ]),
      ),
    )
    .orderBy("id")
    .limit(page.limit)
    .execute();
  return rows.map((row) => ({
    id: row.id,
    repository: row.repository as RepositoryName,
    algorithm: row.algorithm as UploadRow["algorithm"],
    createdAt: row.created_at,
    expiresAt: row.expires_at,
  }));
}

/** What is left of a repository's deleted manifests, by digest. */
export async function pageTombstones(
  catalog: Catalog,
  repository: number,
  page: PageOf,
): Promise<(Tombstone & { readonly digest: Digest })[]> {
  const rows = await catalog
    .selectFrom("store_tombstones")
    .select(["digest", "reason", "deleted_at"])
    .where("repository_id", "=", repository)
    .where("digest", ">", page.after)
    .orderBy("digest")
    .limit(page.limit)
    .execute();
  return rows.map((row) => ({ digest: row.digest as Digest, reason: row.reason, deletedAt: row.deleted_at }));
}
