/**
 * A real Kubernetes on one machine, for tests: etcd, API server, controllers, scheduler, DNS, and as many real nodes as
 * wanted, each with its own containerd, kubelet and kube-proxy in namespaces of its own. `docs/test-cluster.md` says how
 * it works and how to use it.
 */
export { startApiServer } from "./api-server.ts";
export { startCluster } from "./cluster.ts";
export type {
  ApiServer,
  ApiServerOptions,
  Cluster,
  ClusterNode,
  ClusterOptions,
  CommandOptions,
  ControlPlaneProgram,
  KubectlOptions,
  NodeDaemon,
  NodeLink,
  NodeOptions,
  WaitOptions,
} from "./contract.ts";
export { apiServerMissing, clusterMissing, containerd2Folder } from "./missing.ts";
