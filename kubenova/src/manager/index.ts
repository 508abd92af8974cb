/**
 * The manager: KubeNova's HTTP API on a database. Give `createManager` an open database and serve its `groups`; it
 * needs no cluster, no network and no other system.
 */
export { createManager, type Manager, type ManagerOptions } from "./manager.ts";
export { openApiDocument } from "./openapi/index.ts";
export { managerMigrations } from "./storage/index.ts";
