import { sql } from "@waybill/foundation/database";
import type { Digest } from "../digest/index.ts";
import type { PackageFacts, StoreEvent } from "../events/index.ts";
import type { RepositoryName } from "../names/index.ts";
import type { PackageTables } from "./package-tables.ts";
import { reviewBlob } from "./references.ts";
import type { Catalog } from "./schema.ts";
import type { Visible } from "./visible.ts";

/** A package with what its repository and its manifest say of it. */
export interface PackageRow extends Readonly<PackageTables["store_packages"]> {
  readonly repository: RepositoryName;
  readonly manifest_class: string | null;
  readonly manifest_expires_at: number | null;
}

export interface PackageSearch {
  readonly visible: Visible;
  readonly repository: RepositoryName | undefined;
  readonly producer: string | undefined;
  readonly kind: string | undefined;
  readonly runId: string | undefined;
  readonly digest: Digest | undefined;
  readonly labels: Readonly<Record<string, string>>;
  /** Any of these, at this moment. */
  readonly states: readonly string[];
  readonly now: number;
  /** The last one that was told. */
  readonly before: { readonly createdAt: number; readonly id: string } | undefined;
  readonly limit: number;
}

function packages(catalog: Catalog) {
  return catalog
    .selectFrom("store_packages as p")
    .innerJoin("store_repositories as r", "r.id", "p.repository_id")
    .leftJoin("store_manifests as m", (join) =>
      join.onRef("m.repository_id", "=", "p.repository_id").onRef("m.digest", "=", "p.digest"),
    )
    .selectAll("p")
    .select(["r.name as repository", "m.class as manifest_class", "m.expires_at as manifest_expires_at"]);
}

export async function findPackage(catalog: Catalog, id: string): Promise<PackageRow | undefined> {
  const row = await packages(catalog).where("p.id", "=", id).executeTakeFirst();
  return row && { ...row, repository: row.repository as RepositoryName };
}

/** Newest first. */
export async function searchPackages(catalog: Catalog, search: PackageSearch): Promise<PackageRow[]> {
  if (search.visible.names?.length === 0) return [];
  const { before, now } = search;
  const [first, ...others] = Object.entries(search.labels);
  let query = packages(catalog);
  if (first !== undefined) {
    const [key, value] = first;
    // A label's rows are in the order of the list themselves: rare or common, hardly more of them are read than are told.
    // What is selected stays the same, and so does the type of the query.
    query = query.innerJoin("store_package_labels as o", (join) =>
      join.onRef("o.package_id", "=", "p.id").on("o.key", "=", key).on("o.value", "=", value),
    ) as unknown as typeof query;
  }
  const at = sql.ref<number>(first === undefined ? "p.created_at" : "o.created_at");
  const id = sql.ref<string>(first === undefined ? "p.id" : "o.package_id");
  query = query.orderBy(at, "desc").orderBy(id, "desc").limit(search.limit);
  if (search.visible.tenant !== undefined) query = query.where("p.tenant", "=", search.visible.tenant);
  if (search.visible.names !== undefined) query = query.where("r.name", "in", [...search.visible.names]);
  if (search.repository !== undefined) query = query.where("r.name", "=", search.repository);
  if (search.producer !== undefined) query = query.where("p.producer", "=", search.producer);
  if (search.kind !== undefined) query = query.where("p.kind", "=", search.kind);
  if (search.runId !== undefined) query = query.where("p.run_id", "=", search.runId);
  if (search.digest !== undefined) {
    // Few have one digest: they are looked up by it, and not by time.
    const named = catalog.selectFrom("store_packages").select("id").where("digest", "=", search.digest);
    query = query.where("p.id", "in", named);
  }
  for (const [key, value] of others) {
    query = query.where((where) =>
      where.exists(
        where
          .selectFrom("store_package_labels as l")
          .select("l.package_id")
          .whereRef("l.package_id", "=", "p.id")
          .where("l.key", "=", key)
          .where("l.value", "=", value),
      ),
    );
  }
  query = query.where((where) => {
    const openEnded = where("p.expires_at", "<=", now);
    const sealedEnded = where.and([where("m.expires_at", "is not", null), where("m.expires_at", "<=", now)]);
    const of: Readonly<Record<string, ReturnType<typeof where.and>>> = {
      open: where.and([where("p.state", "=", "open"), where.not(openEnded)]),
      sealed: where.and([where("p.state", "=", "sealed"), where.not(sealedEnded)]),
      expired: where.or([
        where.and([where("p.state", "=", "open"), openEnded]),
        where.and([where("p.state", "=", "sealed"), sealedEnded]),
      ]),
      deleted: where.and([where("p.state", "=", "deleted")]),
    };
    return where.or(search.states.flatMap((state) => of[state] ?? []));
  });
  if (before !== undefined) {
    query = query.where((where) =>
      where.or([
        where(at, "<", before.createdAt),
        where.and([where(at, "=", before.createdAt), where(id, "<", before.id)]),
      ]),
    );
  }
  const rows = await query.execute();
  return rows.map((row) => ({ ...row, repository: row.repository as RepositoryName }));
}

type LabelledRow = Pick<PackageTables["store_packages"], "id" | "labels" | "created_at">;

/** Writes a package down. False when one of this id is there. */
export async function insertPackage(tx: Catalog, row: PackageTables["store_packages"]): Promise<boolean> {
  const made = await tx
    .insertInto("store_packages")
    .values(row)
    .onConflict((conflict) => conflict.doNothing())
    .returning("id")
    .executeTakeFirst();
  if (made !== undefined) await insertLabels(tx, row);
  return made !== undefined;
}

export async function updatePackage(
  tx: Catalog,
  id: string,
  change: Partial<Omit<PackageTables["store_packages"], "id">>,
): Promise<void> {
  await tx.updateTable("store_packages").set(change).where("id", "=", id).execute();
}

/** Replaces what can be searched of its labels. */
export async function writeLabels(tx: Catalog, row: LabelledRow): Promise<void> {
  await tx.deleteFrom("store_package_labels").where("package_id", "=", row.id).execute();
  await insertLabels(tx, row);
}

async function insertLabels(tx: Catalog, row: LabelledRow): Promise<void> {
  const labels = Object.entries(JSON.parse(row.labels) as Record<string, string>).map(([key, value]) => ({
    package_id: row.id,
    key,
    value,
    created_at: row.created_at,
  }));
  if (labels.length > 0) await tx.insertInto("store_package_labels").values(labels).execute();
}

/** Packages of a manifest that are not deleted. */
export async function packagesOf(catalog: Catalog, repository: number, digest: Digest): Promise<PackageRow[]> {
  const rows = await packages(catalog)
    .where("p.repository_id", "=", repository)
    .where("p.digest", "=", digest)
    .where("p.state", "<>", "deleted")
    .orderBy("p.id")
    .execute();
  return rows.map((row) => ({ ...row, repository: row.repository as RepositoryName }));
}

/** What the events of a package say of it. */
export function packageFacts(
  row: Pick<PackageRow, "repository" | "id" | "producer" | "kind" | "run_id" | "labels" | "links" | "digest">,
): PackageFacts {
  return {
    repository: row.repository,
    package: row.id,
    producer: row.producer,
    kind: row.kind,
    runId: row.run_id,
    labels: JSON.parse(row.labels) as PackageFacts["labels"],
    links: JSON.parse(row.links) as PackageFacts["links"],
    digest: row.digest as Digest | null,
  };
}

/** The packages of a manifest that is deleted are deleted with it. Answers what is to be told. */
export async function endPackages(
  tx: Catalog,
  repository: number,
  digest: Digest,
  reason: string,
): Promise<(StoreEvent & { readonly type: "package.deleted" })[]> {
  const ended = await packagesOf(tx, repository, digest);
  for (const { id } of ended) await updatePackage(tx, id, { state: "deleted", reason });
  return ended.map((row) => ({ type: "package.deleted", ...packageFacts(row), reason }));
}

/** Open packages whose time is over, those that ended first at the beginning. */
export async function expiredPackages(
  catalog: Catalog,
  page: { readonly until: number; readonly limit: number; readonly offset?: number },
): Promise<PackageRow[]> {
  const rows = await packages(catalog)
    .where("p.state", "=", "open")
    .where("p.expires_at", "<=", page.until)
    .orderBy("p.expires_at")
    .orderBy("p.id")
    .limit(page.limit)
    .offset(page.offset ?? 0)
    .execute();
  return rows.map((row) => ({ ...row, repository: row.repository as RepositoryName }));
}

/** Lets go of the files of a package that is open no longer, and has their bytes looked at again. */
export async function releaseFiles(tx: Catalog, id: string, now: number): Promise<void> {
  const rows = await tx.deleteFrom("store_package_files").where("package_id", "=", id).returning("digest").execute();
  for (const digest of [...new Set(rows.map((row) => row.digest))].toSorted())
    await reviewBlob(tx, digest as Digest, now);
}
