import type { Transaction } from "kysely";

/** The manager's tables. Times are integer milliseconds since 1970, JSON is text. */
export interface ManagerTables {
  kubenova_clusters: ClusterRow;
  kubenova_tenants: TenantRow;
  kubenova_labels: LabelRow;
  kubenova_idempotency_keys: KeyRow;
}

export type ManagerTransaction = Transaction<ManagerTables>;

export interface ClusterRow {
  id: string;
  name: string;
  datacenter: string | null;
  labels: string;
  status: string;
  created_at: number;
  updated_at: number;
}

export interface TenantRow {
  id: string;
  cluster_id: string;
  name: string;
  plan: string;
  owners: string;
  labels: string;
  quotas: string;
  limits: string;
  network_policies: string;
  created_at: number;
  updated_at: number;
}

/** A label of a cluster or a tenant once more, for selectors; the row of the resource holds what is answered. */
interface LabelRow {
  resource_id: string;
  key: string;
  value: string;
}

/** The answer that a repetition with the same key is given. */
export interface KeyRow {
  caller: string;
  route: string;
  key: string;
  fingerprint: string;
  status: number;
  headers: string;
  body: string | null;
  created_at: number;
}
