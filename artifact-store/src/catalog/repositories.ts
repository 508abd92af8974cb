import type { RepositoryName } from "../names/index.ts";
import type { Catalog } from "./schema.ts";

export async function repositoryId(catalog: Catalog, name: RepositoryName): Promise<number | undefined> {
  const row = await catalog.selectFrom("store_repositories").select("id").where("name", "=", name).executeTakeFirst();
  return row?.id;
}

/** The repository's id; makes the repository when this is the first thing in it. Two at once get the same one. */
export async function ensureRepository(tx: Catalog, name: RepositoryName, now: number): Promise<number> {
  const known = await repositoryId(tx, name);
  if (known !== undefined) return known;
  const made = await tx
    .insertInto("store_repositories")
    .values({ name, created_at: now })
    .onConflict((conflict) => conflict.column("name").doUpdateSet({ name }))
    .returning("id")
    .executeTakeFirstOrThrow();
  return made.id;
}
