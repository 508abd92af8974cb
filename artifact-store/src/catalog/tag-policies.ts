import type { RepositoryName } from "../names/index.ts";
import type { TagRules } from "../retention/index.ts";
import type { Catalog } from "./schema.ts";

/** Rules that the store applies to tags by itself, again and again. */
export interface TagPolicy {
  readonly name: string;
  /** Repositories; `*` stands for any characters. */
  readonly matching: string;
  readonly rules: TagRules;
}

export async function allTagPolicies(catalog: Catalog): Promise<TagPolicy[]> {
  const rows = await catalog.selectFrom("store_tag_policies").selectAll().orderBy("name").execute();
  return rows.map(({ name, matching, rules }) => ({ name, matching, rules: JSON.parse(rules) as TagRules }));
}

export async function putTagPolicy(tx: Catalog, { name, matching, rules }: TagPolicy): Promise<void> {
  const row = { matching, rules: JSON.stringify(rules) };
  await tx
    .insertInto("store_tag_policies")
    .values({ name, ...row })
    .onConflict((conflict) => conflict.column("name").doUpdateSet(row))
    .execute();
}

/** Says whether it was there. */
export async function deleteTagPolicy(tx: Catalog, name: string): Promise<boolean> {
  const gone = await tx.deleteFrom("store_tag_policies").where("name", "=", name).returning("name").executeTakeFirst();
  return gone !== undefined;
}

/** Every repository that has a tag, by name. */
export async function taggedRepositories(catalog: Catalog): Promise<RepositoryName[]> {
  const rows = await catalog
    .selectFrom("store_repositories as r")
    .select("r.name")
    .where((where) =>
      where.exists(where.selectFrom("store_tags as t").select("t.name").whereRef("t.repository_id", "=", "r.id")),
    )
    .orderBy("r.name")
    .execute();
  return rows.map((row) => row.name as RepositoryName);
}
