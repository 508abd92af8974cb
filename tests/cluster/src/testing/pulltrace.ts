import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import type { PullList, PullStatus, WaitingPod, WaitingPodList } from "@waybill/pulltrace/contract";
import { architectureHere, describeImage, pushImage, writeLayer } from "@waybill/waybill/oci-image";
import { describeLayer } from "@waybill/waybill/sample";
import type { Cluster, ClusterNode } from "../contract.ts";
import { findPrograms } from "../programs/index.ts";
import { readUntil, until } from "../until.ts";

const run = promisify(execFile);
const root = resolve(import.meta.dirname, "../../../..");
/** Of the cluster's registry: every name comes from there. */
const registryName = "registry.test";
export const namespace = "pulltrace";
const chart: string = join(root, "deploy/charts/pulltrace");

/** Pulltrace as its chart installs it: the server on node-1, an agent on each node, the page on a port of every node. */
export interface InstalledPulltrace {
  /** The page, by the address of a node. */
  urlAt(node: ClusterNode): string;
  pulls(): Promise<readonly PullStatus[]>;
  nodes(): Promise<PullList["nodes"]>;
  waitingPods(): Promise<readonly WaitingPod[]>;
  /** A value of `/metrics`, asked from the server's pod. */
  metric(name: string): Promise<number>;
  /** Waits until a value of `/metrics` is this one. */
  metricIs(name: string, wanted: number): Promise<void>;
  /** Names of the pods of one part that are not being deleted. */
  pods(component: "agent" | "server", node?: string): Promise<string[]>;
}

interface PodList {
  readonly items: readonly {
    readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
    readonly spec: { readonly nodeName?: string };
    readonly status: { readonly podIP?: string };
  }[];
}

/** Builds the images, pushes them into the cluster's registry, installs the chart and waits until every agent reports. */
export async function installPulltrace(cluster: Cluster, values: readonly string[] = []): Promise<InstalledPulltrace> {
  const folder = await mkdtemp(join(tmpdir(), "waybill-pulltrace-images-"));
  try {
    const build = join(root, "deploy/images/src/main.ts");
    await run(process.execPath, [build, "--output", folder, "--push", cluster.registry]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  await cluster.kubectl(["create", "namespace", namespace]);
  const settings = [
    `imageRegistry=${registryName}`,
    "server.service.type=NodePort",
    String.raw`server.nodeSelector.kubernetes\.io/hostname=node-1`,
    ...values,
  ];
  await applyChart(cluster, "install", settings);
  const service = await cluster.get<{ readonly spec: { readonly ports: readonly { readonly nodePort: number }[] } }>([
    "service",
    "pulltrace-server",
    "--namespace",
    namespace,
  ]);
  const port = service.spec.ports[0]?.nodePort ?? 0;
  const urlAt = (node: ClusterNode): string => `http://${node.address}:${port}`;
  const ask = async (path: string): Promise<unknown> =>
    (await fetch(`${urlAt(cluster.node("node-1"))}${path}`)).json() as Promise<unknown>;
  const list = async (): Promise<PullList> => (await ask("/api/v1/pulls")) as PullList;
  const podsOf = async (component: string): Promise<PodList["items"]> => {
    const { items } = await cluster.get<PodList>([
      "pods",
      "--namespace",
      namespace,
      "--selector",
      `app.kubernetes.io/component=${component}`,
    ]);
    return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  };
  const installed: InstalledPulltrace = {
    urlAt,
    pulls: async () => (await list()).pulls,
    nodes: async () => (await list()).nodes,
    waitingPods: async () => ((await ask("/api/v1/pods/waiting")) as WaitingPodList).pods,
    metricIs: async (name, wanted) => {
      await readUntil(
        `${name} to be ${wanted}`,
        () => installed.metric(name),
        (value) => value === wanted,
      );
    },
    async metric(name) {
      const address = (await podsOf("server"))[0]?.status.podIP ?? "";
      const text = await (await fetch(`http://${address}:9090/metrics`)).text();
      const value = new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1];
      if (value === undefined) throw new Error(`no metric ${name}`);
      return Number(value);
    },
    pods: async (component, node) =>
      (await podsOf(component))
        .filter(({ spec }) => node === undefined || spec.nodeName === node)
        .map(({ metadata }) => metadata.name),
  };
  await allReport(cluster, installed);
  return installed;
}

/** Waits until an agent reports from each node. */
export async function allReport(cluster: Cluster, installed: InstalledPulltrace): Promise<void> {
  await until(
    "an agent to report from each node",
    async () => {
      const nodes = await installed.nodes().catch(() => []);
      return nodes.filter(({ reporting }) => reporting).length === cluster.nodes.length;
    },
    {
      state: async () =>
        `${JSON.stringify(await installed.nodes().catch(String))}\n${await cluster.kubectl(["describe", "pods", "--namespace", namespace])}`,
    },
  );
}

/** Installs the chart, or upgrades it with its values so far, and waits until Kubernetes has what it describes. */
export async function applyChart(
  cluster: Cluster,
  verb: "install" | "upgrade",
  settings: readonly string[],
): Promise<void> {
  const flags = `--namespace ${namespace} --wait --timeout 290s${verb === "upgrade" ? " --reuse-values" : ""}`;
  // Switches are switches; all else is text, also a port in an environment variable.
  const values = settings.flatMap((setting) => [/=(true|false)$/.test(setting) ? "--set" : "--set-string", setting]);
  await cluster.helm([verb, "pulltrace", chart, ...flags.split(" "), ...values], { timeoutMs: 300_000 });
}

export interface LargeImage {
  /** As a pod names it. */
  readonly reference: string;
  /** Digest of the manifest. */
  readonly digest: string;
  /** Of every layer, base first. */
  readonly layers: readonly { readonly digest: string; readonly sizeBytes: number }[];
}

/** An image that runs (it waits to be ended) and has layers of these sizes besides; nobody has pulled it before. */
export async function pushLargeImage(
  cluster: Cluster,
  name: string,
  mebibytes: readonly number[],
): Promise<LargeImage> {
  const { paths, missing } = await findPrograms();
  if (paths === undefined) throw new Error(missing);
  const folder = await mkdtemp(join(tmpdir(), "waybill-large-image-"));
  try {
    const program = await writeLayer(
      folder,
      new Map([["program", { kind: "file", source: paths.pause, mode: 0o755 }]]),
    );
    const layers = [{ ...program, createdBy: "a program" }];
    for (const [index, size] of mebibytes.entries()) {
      const layer = await describeLayer({ seed: `${name} ${index}`, sizeBytes: size * 1024 * 1024 });
      layers.push({ ...layer, createdBy: `noise ${index}` });
    }
    const image = describeImage({
      name,
      tag: "1",
      layers,
      architecture: architectureHere,
      created: "2026-01-01T00:00:00Z",
      config: { Entrypoint: ["/program"], User: "65532:65532" },
    });
    await pushImage(image, { registry: cluster.registry });
    const sizes = layers.map(({ digest, sizeBytes }) => ({ digest, sizeBytes }));
    return { reference: `${registryName}/${name}:1`, digest: image.manifest.digest, layers: sizes };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A Deployment with one pod on each node, or with one pod on the node that is named. */
export function deployment(
  name: string,
  image: string,
  on: { readonly replicas: number; readonly node?: string },
): string {
  const spread = {
    maxSkew: 1,
    topologyKey: "kubernetes.io/hostname",
    whenUnsatisfiable: "DoNotSchedule",
    labelSelector: { matchLabels: { app: name } },
  };
  return JSON.stringify({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace: "default" },
    spec: {
      replicas: on.replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          terminationGracePeriodSeconds: 1,
          ...(on.node === undefined
            ? { topologySpreadConstraints: [spread] }
            : { nodeSelector: { "kubernetes.io/hostname": on.node } }),
          // A node that comes back is to have its pod still.
          tolerations: [{ operator: "Exists" }],
          containers: [{ name: "app", image }],
        },
      },
    },
  });
}
