/** What the manager keeps: its tables, how they came to be, and labels as rows that selectors can ask. */
export { deleteLabels, insertLabels, meetsRequirements } from "./labels.ts";
export { managerMigrations } from "./migrations.ts";
export type { ClusterRow, KeyRow, ManagerTables, ManagerTransaction, TenantRow } from "./tables.ts";
