import type { PodReference, PullStatus } from "../../contract/index.ts";

/**
 * Whether a namespace is a tenant's: `<tenant>-owner` and `<tenant>-apps` are, as the control plane names them. Nothing
 * else is: that a name begins with a tenant's proves nothing (`acme` and `acme-lab` are two).
 */
export function isNamespaceOf(tenant: string, namespace: string): boolean {
  return namespace === `${tenant}-owner` || namespace === `${tenant}-apps`;
}

/** A pull as a reader who is bound to a tenant sees it: of the pods that wait, those in the tenant's own namespaces. */
export function viewFor<P extends Pick<PullStatus, "pods">>(tenant: string | undefined, pull: P): P {
  if (tenant === undefined || pull.pods.length === 0) return pull;
  const pods: readonly PodReference[] = pull.pods.filter(({ namespace }) => isNamespaceOf(tenant, namespace));
  return pods.length === pull.pods.length ? pull : { ...pull, pods };
}
