import type { Cluster, ClusterNode } from "../contract.ts";

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

/** What a URL answers, asked from inside a pod. */
export function askFrom(cluster: Cluster, pod: string, url: string): Promise<string> {
  return cluster.kubectl(["exec", pod, "--", "/program", "get", url]);
}

/** The status that the kubelet of a node gives for Ready: True, False, or Unknown when nobody hears of it. */
export async function readiness(cluster: Cluster, node: ClusterNode): Promise<string> {
  const { status } = await cluster.get<{ status: { conditions: { type: string; status: string }[] } }>([
    "node",
    node.name,
  ]);
  return status.conditions.find(({ type }) => type === "Ready")?.status ?? "absent";
}
