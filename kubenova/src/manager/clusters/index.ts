/** The Kubernetes clusters that tenants live on. */
export { clusterRoutes } from "./routes.ts";
export { findCluster, findClusterByName, insertCluster, lockCluster } from "./store.ts";
