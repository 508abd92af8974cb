import { connectKubernetes } from "@waybill/foundation/kubernetes";
import type { Logger } from "@waybill/foundation/telemetry";
import { watchPods, type PodSource } from "@waybill/pulltrace/server";

export interface PodSourceSettings {
  /** `auto`, `off` or a path. */
  readonly kubernetes: string;
  readonly kubernetesHost: string | undefined;
  readonly kubernetesPort: string | undefined;
  readonly watchNamespaces: readonly string[];
}

/**
 * The watch of pods, or undefined where there is no Kubernetes. An API server that cannot be reached, or that refuses,
 * is no reason not to start: the health check says so.
 * @throws KubernetesError for a kubeconfig that is not there or is no kubeconfig.
 */
export async function podSourceOf(settings: PodSourceSettings, log: Logger): Promise<PodSource | undefined> {
  const { kubernetes: where, kubernetesHost: host, kubernetesPort: port } = settings;
  if (where === "off") return undefined;
  const kubernetes = await connectKubernetes({
    kubeconfig: where === "auto" || where === "in-cluster" ? where : { path: where },
    inCluster: { host, port },
  });
  if (kubernetes === undefined) return undefined;
  const { watchNamespaces: namespaces } = settings;
  const source = watchPods({ kubernetes, namespaces, log });
  log.info({ server: kubernetes.server, namespaces }, "pods are followed");
  return {
    ...source,
    async close() {
      await source.close();
      kubernetes.close();
    },
  };
}
