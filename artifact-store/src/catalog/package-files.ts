import type { Digest } from "../digest/index.ts";
import type { Catalog } from "./schema.ts";

/** A file of an open package. */
export interface PackageFileRow {
  readonly path: string;
  readonly folded: string;
  readonly digest: Digest;
  readonly mediaType: string;
  readonly size: number;
}

const rowsAtOnce = 200;

/** In byte order of their paths, those after `after`. */
export async function pagePackageFiles(
  catalog: Catalog,
  id: string,
  page: { readonly after: string; readonly limit: number },
): Promise<PackageFileRow[]> {
  const rows = await catalog
    .selectFrom("store_package_files")
    .select(["path", "folded", "digest", "media_type", "size"])
    .where("package_id", "=", id)
    .where("path", ">", page.after)
    .orderBy("path")
    .limit(page.limit)
    .execute();
  return rows.map((row) => ({
    path: row.path,
    folded: row.folded,
    digest: row.digest as Digest,
    mediaType: row.media_type,
    size: row.size,
  }));
}

export async function findPackageFile(catalog: Catalog, id: string, path: string): Promise<PackageFileRow | undefined> {
  const row = await catalog
    .selectFrom("store_package_files")
    .select(["path", "folded", "digest", "media_type", "size"])
    .where("package_id", "=", id)
    .where("path", "=", path)
    .executeTakeFirst();
  return (
    row && {
      path: row.path,
      folded: row.folded,
      digest: row.digest as Digest,
      mediaType: row.media_type,
      size: row.size,
    }
  );
}

/**
 * A file that stands where this one would: under the same folded path, under one of its folders, or below it as if it
 * were a folder.
 */
export async function fileInTheWay(catalog: Catalog, id: string, folded: string): Promise<string | undefined> {
  const steps = folded.split("/");
  const same = steps.map((_, index) => steps.slice(0, index + 1).join("/"));
  const row = await catalog
    .selectFrom("store_package_files")
    .select("path")
    .where("package_id", "=", id)
    .where((where) =>
      where.or([
        where("folded", "in", same),
        // "0" follows "/" in byte order.
        where.and([where("folded", ">", `${folded}/`), where("folded", "<", `${folded}0`)]),
      ]),
    )
    .limit(1)
    .executeTakeFirst();
  return row?.path;
}

export async function insertPackageFiles(
  tx: Catalog,
  owner: { readonly id: string; readonly repositoryId: number },
  files: readonly PackageFileRow[],
): Promise<void> {
  for (let start = 0; start < files.length; start += rowsAtOnce) {
    const rows = files.slice(start, start + rowsAtOnce).map((file) => ({
      package_id: owner.id,
      path: file.path,
      folded: file.folded,
      repository_id: owner.repositoryId,
      digest: file.digest,
      media_type: file.mediaType,
      size: file.size,
    }));
    await tx.insertInto("store_package_files").values(rows).execute();
  }
}

/** How often the files of an open package name which blob. */
export async function packageReferences(
  catalog: Catalog,
  id: string,
): Promise<{ readonly repositoryId: number; readonly digest: Digest; readonly names: number }[]> {
  const rows = await catalog
    .selectFrom("store_package_files")
    .select((select) => ["repository_id", "digest", select.fn.countAll<number>().as("names")])
    .where("package_id", "=", id)
    .groupBy(["repository_id", "digest"])
    .orderBy("digest")
    .execute();
  return rows.map(({ repository_id, digest, names }) => ({
    repositoryId: repository_id,
    digest: digest as Digest,
    names,
  }));
}

/** Manifests from before packages were. */
export async function packageBacklog(
  catalog: Catalog,
  limit: number,
): Promise<{ readonly repository: number; readonly name: string; readonly digest: Digest }[]> {
  const rows = await catalog
    .selectFrom("store_package_backlog as b")
    .innerJoin("store_repositories as r", "r.id", "b.repository_id")
    .select(["b.repository_id", "r.name", "b.digest"])
    .orderBy("b.repository_id")
    .orderBy("b.digest")
    .limit(limit)
    .execute();
  return rows.map((row) => ({ repository: row.repository_id, name: row.name, digest: row.digest as Digest }));
}

export async function settleBacklog(tx: Catalog, repository: number, digest: Digest): Promise<void> {
  await tx
    .deleteFrom("store_package_backlog")
    .where("repository_id", "=", repository)
    .where("digest", "=", digest)
    .execute();
}
