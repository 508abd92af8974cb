import type { Digest } from "../digest/index.ts";
import type { Tag } from "../names/index.ts";
import type { Catalog } from "./schema.ts";

/** Points a tag to a manifest of its repository. Answers where it pointed before. */
export async function pointTag(
  tx: Catalog,
  repository: number,
  tag: Tag,
  digest: Digest,
  now: number,
): Promise<Digest | undefined> {
  const before = await tx
    .selectFrom("store_tags")
    .select("digest")
    .where("repository_id", "=", repository)
    .where("name", "=", tag)
    .executeTakeFirst();
  await tx
    .insertInto("store_tags")
    .values({ repository_id: repository, name: tag, digest, updated_at: now })
    .onConflict((conflict) => conflict.columns(["repository_id", "name"]).doUpdateSet({ digest, updated_at: now }))
    .execute();
  return before?.digest as Digest | undefined;
}

/**
 * Takes a tag away, not its manifest. Answers where it pointed, undefined when there was no such tag.
 * @param to only when it points there
 */
export async function deleteTag(tx: Catalog, repository: number, tag: Tag, to?: Digest): Promise<Digest | undefined> {
  const gone = await tx
    .deleteFrom("store_tags")
    .where("repository_id", "=", repository)
    .where("name", "=", tag)
    .$if(to !== undefined, (query) => query.where("digest", "=", to ?? ""))
    .returning("digest")
    .executeTakeFirst();
  return gone?.digest as Digest | undefined;
}

/** Names in byte order, after `after`. */
export async function pageTags(
  catalog: Catalog,
  repository: number,
  page: { readonly after: string; readonly limit: number },
): Promise<string[]> {
  const rows = await catalog
    .selectFrom("store_tags")
    .select("name")
    .where("repository_id", "=", repository)
    .where("name", ">", page.after)
    .orderBy("name")
    .limit(page.limit)
    .execute();
  return rows.map((row) => row.name);
}

/** Notes that a tag left a manifest. */
export async function untagManifest(tx: Catalog, repository: number, digest: Digest, now: number): Promise<void> {
  await tx
    .updateTable("store_manifests")
    .set({ untagged_at: now })
    .where("repository_id", "=", repository)
    .where("digest", "=", digest)
    .execute();
}
