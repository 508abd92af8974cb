import { createKubernetes, type Kubernetes } from "./client.ts";
import { inClusterConnection, isInCluster, type InClusterPlace } from "./in-cluster.ts";
import { kubeconfigConnection } from "./kubeconfig.ts";

/** Where the API server is told from. `environment` is read by the program's edge and handed in. */
export interface ConnectOptions {
  /** `auto`: the service account when this is a pod that has one, else nothing. Anything else is a path. */
  readonly kubeconfig: "in-cluster" | "auto" | { readonly path: string };
  readonly inCluster?: InClusterPlace;
}

/**
 * A client for the API server, or undefined when `auto` finds none. Nothing is sent yet.
 * @throws KubernetesError CONFIGURATION
 */
export async function connectKubernetes(options: ConnectOptions): Promise<Kubernetes | undefined> {
  const { kubeconfig, inCluster = {} } = options;
  if (typeof kubeconfig === "object") return createKubernetes(await kubeconfigConnection(kubeconfig.path));
  if (kubeconfig === "auto" && !(await isInCluster(inCluster))) return undefined;
  return createKubernetes(await inClusterConnection(inCluster));
}
