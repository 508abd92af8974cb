import { access } from "node:fs/promises";
import { join } from "node:path";
import type { Connection } from "./connection.ts";
import { KubernetesError } from "./kubernetes-error.ts";
import { readSmallFile, rotatingFile } from "./rotating-file.ts";

/** What a pod is given (kubernetes.io/docs/tasks/run-application/access-api-from-pod). */
export interface InClusterPlace {
  readonly host?: string | undefined;
  readonly port?: string | undefined;
  /** Folder of `token`, `ca.crt` and `namespace`. */
  readonly folder?: string;
}

const serviceAccountFolder = "/var/run/secrets/kubernetes.io/serviceaccount";

/** Whether this process runs in a pod that was given a service account. */
export async function isInCluster(place: InClusterPlace): Promise<boolean> {
  if (place.host === undefined || place.host === "") return false;
  return access(join(place.folder ?? serviceAccountFolder, "token")).then(
    () => true,
    () => false,
  );
}

/** @throws KubernetesError CONFIGURATION when this is no pod with a service account. */
export async function inClusterConnection(place: InClusterPlace): Promise<Connection> {
  const { host, port = "443", folder = serviceAccountFolder } = place;
  if (host === undefined || host === "" || !/^[\w.:-]{1,253}$/.test(host) || !/^\d{1,5}$/.test(port)) {
    throw new KubernetesError({
      code: "CONFIGURATION",
      message: "KUBERNETES_SERVICE_HOST is not set to a host: this is not a pod of Kubernetes",
      advice: "Give the path of a kubeconfig instead.",
    });
  }
  const token = rotatingFile(join(folder, "token"), "the service account's token");
  const authority = rotatingFile(join(folder, "ca.crt"), "the cluster's certificate authority", 60_000);
  await Promise.all([token(), authority()]);
  const namespace = await readSmallFile(join(folder, "namespace"), "the namespace").then(
    (text) => text.trim(),
    () => undefined,
  );
  return {
    server: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
    credentials: async (o) => ({ token: await token(o), certificateAuthority: await authority(o) }),
    ...(namespace === undefined || namespace === "" ? {} : { namespace }),
  };
}
