/** Organisations on clusters: their records, and the directory of names that other systems ask. */
export { TenantDirectory } from "./directory.ts";
export { followTenants } from "./follow.ts";
export { tenantRoutes } from "./routes.ts";
export { allTenantNames, findTenant } from "./store.ts";
