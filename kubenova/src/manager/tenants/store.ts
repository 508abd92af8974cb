import { randomUUID } from "node:crypto";
import type { Kysely } from "kysely";
import { appsNamespace, ownerNamespace, type NewTenant, type PlanName, type Tenant } from "../../contract/index.ts";
import type { PageRequest } from "../requests/index.ts";
import {
  deleteLabels,
  insertLabels,
  meetsRequirements,
  type ManagerTables,
  type ManagerTransaction,
  type TenantRow,
} from "../storage/index.ts";

function tenantOf(row: TenantRow): Tenant {
  // The columns hold what `insertTenant` wrote.
  return {
    id: row.id,
    clusterId: row.cluster_id,
    name: row.name,
    owners: JSON.parse(row.owners) as Tenant["owners"],
    plan: row.plan as PlanName,
    labels: JSON.parse(row.labels) as Tenant["labels"],
    quotas: JSON.parse(row.quotas) as Tenant["quotas"],
    limits: JSON.parse(row.limits) as Tenant["limits"],
    networkPolicies: JSON.parse(row.network_policies) as Tenant["networkPolicies"],
    ownerNamespace: ownerNamespace(row.name),
    appsNamespace: appsNamespace(row.name),
    createdAt: new Date(row.created_at).toISOString(),
    updatedAt: new Date(row.updated_at).toISOString(),
  };
}

/** Undefined when the cluster has a tenant of this name. */
export async function insertTenant(
  tx: ManagerTransaction,
  clusterId: string,
  asked: NewTenant & { readonly plan: PlanName },
  now: number,
): Promise<Tenant | undefined> {
  const row: TenantRow = {
    id: randomUUID(),
    cluster_id: clusterId,
    name: asked.name,
    plan: asked.plan,
    owners: JSON.stringify(asked.owners ?? []),
    labels: JSON.stringify(asked.labels ?? {}),
    quotas: JSON.stringify(asked.quotas ?? {}),
    limits: JSON.stringify(asked.limits ?? {}),
    network_policies: JSON.stringify(asked.networkPolicies ?? []),
    created_at: now,
    updated_at: now,
  };
  const inserted = await tx
    .insertInto("kubenova_tenants")
    .values(row)
    .onConflict((conflict) => conflict.columns(["cluster_id", "name"]).doNothing())
    .returning("id")
    .executeTakeFirst();
  if (inserted === undefined) return undefined;
  await insertLabels(tx, row.id, asked.labels ?? {});
  return tenantOf(row);
}

/** @param clusterId also the cluster must be the right one, where the path names one. */
export async function findTenant(
  reader: Kysely<ManagerTables>,
  id: string,
  clusterId?: string,
): Promise<Tenant | undefined> {
  const row = await reader
    .selectFrom("kubenova_tenants")
    .selectAll()
    .where("id", "=", id)
    .$if(clusterId !== undefined, (query) => query.where("cluster_id", "=", clusterId ?? ""))
    .executeTakeFirst();
  return row === undefined ? undefined : tenantOf(row);
}

/**
 * Up to one tenant more than the page holds.
 * @param only the one tenant that the caller may see; undefined for all.
 */
export async function listTenants(
  reader: Kysely<ManagerTables>,
  clusterId: string,
  page: PageRequest,
  only: string | undefined,
): Promise<Tenant[]> {
  const rows = await reader
    .selectFrom("kubenova_tenants")
    .selectAll()
    .where("cluster_id", "=", clusterId)
    .$if(only !== undefined, (query) => query.where("id", "=", only ?? ""))
    .$if(page.after !== undefined, (query) => query.where("name", ">", page.after ?? ""))
    .where(meetsRequirements("kubenova_tenants", page.requirements))
    .orderBy("name")
    .limit(page.limit + 1)
    .execute();
  return rows.map(tenantOf);
}

/** Holds the tenant's row until the transaction ends: what is decided on it stays true until the commit. */
export async function lockTenant(tx: ManagerTransaction, id: string): Promise<void> {
  await tx
    .updateTable("kubenova_tenants")
    .set((expressions) => ({ updated_at: expressions.ref("updated_at") }))
    .where("id", "=", id)
    .execute();
}

export async function removeTenant(tx: ManagerTransaction, id: string): Promise<void> {
  await deleteLabels(tx, id);
  await tx.deleteFrom("kubenova_tenants").where("id", "=", id).execute();
}

/** Id and name of every tenant. */
export async function allTenantNames(reader: Kysely<ManagerTables>): Promise<{ id: string; name: string }[]> {
  return reader.selectFrom("kubenova_tenants").select(["id", "name"]).execute();
}
