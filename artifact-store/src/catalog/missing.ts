import type { Digest } from "../digest/index.ts";
import type { Catalog } from "./schema.ts";

/** As many digests as one statement asks for: below every database's limit of parameters. */
const batch = 500;

async function missingIn(
  table: "store_repository_blobs" | "store_manifests",
  catalog: Catalog,
  repository: number,
  digests: readonly Digest[],
): Promise<Digest[]> {
  const missing = new Set(digests);
  const wanted = [...missing];
  for (let start = 0; start < wanted.length; start += batch) {
    const rows = await catalog
      .selectFrom(table)
      .select("digest")
      .where("repository_id", "=", repository)
      .where("digest", "in", wanted.slice(start, start + batch))
      .execute();
    for (const row of rows) missing.delete(row.digest as Digest);
  }
  return [...missing];
}

/** Those of `digests` that the repository does not show. */
export function missingBlobs(catalog: Catalog, repository: number, digests: readonly Digest[]): Promise<Digest[]> {
  return missingIn("store_repository_blobs", catalog, repository, digests);
}

/** Those of `digests` that are no manifests of the repository. */
export function missingManifests(catalog: Catalog, repository: number, digests: readonly Digest[]): Promise<Digest[]> {
  return missingIn("store_manifests", catalog, repository, digests);
}
