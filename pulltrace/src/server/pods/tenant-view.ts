import type { PodReference, PullStatus } from "../../contract/index.ts";
import { isNamespaceOf } from "../tenant-namespaces.ts";

/** A pull as a reader who is bound to a tenant sees it: of the pods that wait, those in the tenant's own namespaces. */
export function viewFor<P extends Pick<PullStatus, "pods">>(tenant: string | undefined, pull: P): P {
  if (tenant === undefined || pull.pods.length === 0) return pull;
  const pods: readonly PodReference[] = pull.pods.filter(({ namespace }) => isNamespaceOf(tenant, namespace));
  return pods.length === pull.pods.length ? pull : { ...pull, pods };
}
