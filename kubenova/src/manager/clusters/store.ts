import { randomUUID } from "node:crypto";
import type { Kysely } from "kysely";
import type { Cluster, NewCluster } from "../../contract/index.ts";
import type { PageRequest } from "../requests/index.ts";
import {
  deleteLabels,
  insertLabels,
  meetsRequirements,
  type ClusterRow,
  type ManagerTables,
  type ManagerTransaction,
} from "../storage/index.ts";

function clusterOf(row: ClusterRow): Cluster {
  return {
    id: row.id,
    name: row.name,
    ...(row.datacenter === null ? {} : { datacenter: row.datacenter }),
    // The columns hold what `insertCluster` wrote.
    labels: JSON.parse(row.labels) as Cluster["labels"],
    status: row.status as Cluster["status"],
    createdAt: new Date(row.created_at).toISOString(),
    updatedAt: new Date(row.updated_at).toISOString(),
  };
}

/** Undefined when the name is taken. */
export async function insertCluster(
  tx: ManagerTransaction,
  asked: NewCluster,
  now: number,
): Promise<Cluster | undefined> {
  const row: ClusterRow = {
    id: randomUUID(),
    name: asked.name,
    datacenter: asked.datacenter ?? null,
    labels: JSON.stringify(asked.labels ?? {}),
    status: "pending_bootstrap",
    created_at: now,
    updated_at: now,
  };
  const inserted = await tx
    .insertInto("kubenova_clusters")
    .values(row)
    .onConflict((conflict) => conflict.column("name").doNothing())
    .returning("id")
    .executeTakeFirst();
  if (inserted === undefined) return undefined;
  await insertLabels(tx, row.id, asked.labels ?? {});
  return clusterOf(row);
}

export async function findCluster(reader: Kysely<ManagerTables>, id: string): Promise<Cluster | undefined> {
  const row = await reader.selectFrom("kubenova_clusters").selectAll().where("id", "=", id).executeTakeFirst();
  return row === undefined ? undefined : clusterOf(row);
}

export async function findClusterByName(reader: Kysely<ManagerTables>, name: string): Promise<Cluster | undefined> {
  const row = await reader.selectFrom("kubenova_clusters").selectAll().where("name", "=", name).executeTakeFirst();
  return row === undefined ? undefined : clusterOf(row);
}

/** Up to one cluster more than the page holds. */
export async function listClusters(reader: Kysely<ManagerTables>, page: PageRequest): Promise<Cluster[]> {
  const rows = await reader
    .selectFrom("kubenova_clusters")
    .selectAll()
    .$if(page.after !== undefined, (query) => query.where("name", ">", page.after ?? ""))
    .where(meetsRequirements("kubenova_clusters", page.requirements))
    .orderBy("name")
    .limit(page.limit + 1)
    .execute();
  return rows.map(clusterOf);
}

/**
 * Holds the cluster's row until the transaction ends, so that no tenant comes while the cluster goes, and the other way
 * round (PostgreSQL runs transactions side by side).
 * @returns whether there is such a cluster.
 */
export async function lockCluster(tx: ManagerTransaction, id: string): Promise<boolean> {
  const result = await tx
    .updateTable("kubenova_clusters")
    .set((expressions) => ({ updated_at: expressions.ref("updated_at") }))
    .where("id", "=", id)
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
}

export async function countTenants(tx: ManagerTransaction, clusterId: string): Promise<number> {
  const row = await tx
    .selectFrom("kubenova_tenants")
    .select((expressions) => expressions.fn.countAll<number>().as("count"))
    .where("cluster_id", "=", clusterId)
    .executeTakeFirstOrThrow();
  return row.count;
}

export async function removeCluster(tx: ManagerTransaction, id: string): Promise<void> {
  await deleteLabels(tx, id);
  await tx.deleteFrom("kubenova_clusters").where("id", "=", id).execute();
}
