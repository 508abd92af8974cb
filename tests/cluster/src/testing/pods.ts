import type { Cluster } from "../contract.ts";
import { readUntil } from "../until.ts";

export const webImage = "registry.test/team-a/web:1";

/** A pod of the program `web` on one node, labelled `app: NAME`; gone quickly when it is deleted. */
export function webPod(name: string, node: string, image: string = webImage): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, labels: { app: name } },
    spec: {
      nodeName: node,
      terminationGracePeriodSeconds: 1,
      containers: [{ name: "web", image, readinessProbe: { httpGet: { path: "/", port: 8080 }, periodSeconds: 1 } }],
    },
  });
}

/** What a URL answers, asked once from inside a pod. */
export function askFrom(cluster: Cluster, pod: string, url: string): Promise<string> {
  return cluster.kubectl(["exec", pod, "--", "/program", "get", url]);
}

/** Waits until pod `name` answers at a URL that is asked from inside `pod`: DNS and kube-proxy hear of it some time later. */
export async function reaches(cluster: Cluster, pod: string, url: string, name: string): Promise<void> {
  await readUntil(
    `${name} to answer ${pod} at ${url}`,
    () => askFrom(cluster, pod, url),
    (answer) => answer === `${name}\n`,
  );
}
