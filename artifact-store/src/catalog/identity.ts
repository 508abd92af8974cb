import type { Catalog } from "./schema.ts";

/** The name that this catalog and its folder share; undefined before they first met. */
export async function identityOf(catalog: Catalog): Promise<string | undefined> {
  return (await catalog.selectFrom("store_identity").select("id").executeTakeFirst())?.id;
}

export async function nameCatalog(tx: Catalog, id: string): Promise<void> {
  await tx.insertInto("store_identity").values({ id }).execute();
}

/** Whether this catalog speaks of any bytes at all. */
export async function namesBlobs(catalog: Catalog): Promise<boolean> {
  return (await catalog.selectFrom("store_blobs").select("digest").limit(1).executeTakeFirst()) !== undefined;
}
