import type { Digest } from "../digest/index.ts";
import type { Catalog } from "./schema.ts";

/** As many digests as one statement asks for: below every database's limit of parameters. */
const batch = 500;

async function missingIn(
  digests: readonly Digest[],
  found: (some: readonly Digest[]) => Promise<readonly { readonly digest: string }[]>,
): Promise<Digest[]> {
  const missing = new Set(digests);
  const wanted = [...missing];
  for (let start = 0; start < wanted.length; start += batch) {
    for (const { digest } of await found(wanted.slice(start, start + batch))) missing.delete(digest as Digest);
  }
  return [...missing];
}

/** Those of `digests` that the repository does not show, or whose bytes are known to be damaged. */
export function missingBlobs(catalog: Catalog, repository: number, digests: readonly Digest[]): Promise<Digest[]> {
  return missingIn(digests, (some) =>
    catalog
      .selectFrom("store_repository_blobs as l")
      .innerJoin("store_blobs as b", "b.digest", "l.digest")
      .select("l.digest")
      .where("l.repository_id", "=", repository)
      .where("l.digest", "in", some)
      .where("b.damaged_at", "is", null)
      .execute(),
  );
}

/** Those of `digests` that are no manifests of the repository. */
export function missingManifests(catalog: Catalog, repository: number, digests: readonly Digest[]): Promise<Digest[]> {
  return missingIn(digests, (some) =>
    catalog
      .selectFrom("store_manifests")
      .select("digest")
      .where("repository_id", "=", repository)
      .where("digest", "in", some)
      .execute(),
  );
}
