import { setTimeout as sleep } from "node:timers/promises";
import type { AgentReport, ReportedPull } from "@waybill/pulltrace/contract";
import { startFakeKubernetes } from "./fake-kubernetes.ts";
import { type RunningWaybill, startWaybill } from "./waybill.ts";

/**
 * What an engineer on call is woken by: 30 nodes whose 69 pods are in ImagePullBackOff for four different causes, and two
 * more that pull a large image while four pods wait for it. The server is real, a process of its own; kubelet's and
 * containerd's words are those of real ones; the API server is a fake one, because 30 real nodes do not fit on a machine.
 */
export interface OnCall extends AsyncDisposable {
  readonly waybill: RunningWaybill;
  /** The credentials of the storefront image were mended: its pods run. */
  mend(): void;
}

const registry = "registry.eu-central.example.com";
const imageX = `${registry}/checkout/storefront:4.18.0`;
const largeImage = `${registry}/payments/fraud-model:2026.11.2`;
const mebibyte = 1024 * 1024;
const minute = 60_000;

interface Fault {
  readonly nodes: readonly string[];
  readonly image: string;
  readonly namespace: string;
  readonly says: string;
  readonly tries: number;
  /** Pods on the node at this place in `nodes`. */
  readonly pods: (index: number) => number;
  readonly sinceMs: number;
  /** The last try, on the node at this place in `nodes`: so long ago. */
  readonly triedMs: (index: number) => number;
}

const nodes = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, at) => `worker-${String(from + at).padStart(2, "0")}`);
const resolve = (image: string): string =>
  `rpc error: code = Unknown desc = failed to pull and unpack image "${image}": failed to resolve reference "${image}": `;
const limited = (image: string): string =>
  `${resolve(image)}unexpected status from HEAD request to https://registry-1.docker.io/v2/library/manifests/1: 429 Too Many Requests`;

const redis = "docker.io/library/redis:7.4";
const nginx = "docker.io/library/nginx:1.29";
const batch = `${registry}/reports/nightly-batch:2.0`;
const search = `${registry}/search/indexer:9.1`;
const faults: readonly Fault[] = [
  {
    nodes: nodes(1, 20),
    image: imageX,
    namespace: "checkout",
    says: `${resolve(imageX)}pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed`,
    tries: 6,
    pods: (index) => (index < 17 ? 3 : 2),
    sinceMs: 14 * minute,
    triedMs: (index) => 60_000 + index * 8_000,
  },
  ...[redis, nginx].map((image, at): Fault => ({
    nodes: nodes(21 + at * 3, 23 + at * 3),
    image,
    namespace: "cache",
    says: limited(image),
    tries: 6,
    pods: () => 1,
    sinceMs: 6 * minute,
    triedMs: (index) => 20_000 + index * 3_000,
  })),
  {
    nodes: nodes(27, 28),
    image: batch,
    namespace: "reports",
    says: `${resolve(batch)}${batch}: not found`,
    tries: 7,
    pods: () => 1,
    sinceMs: 9 * minute,
    triedMs: () => 30_000,
  },
  {
    nodes: nodes(29, 30),
    image: search,
    namespace: "search",
    says: `rpc error: code = Unknown desc = failed to pull and unpack image "${search}": failed to extract layer sha256:ab: mount callback failed on /var/lib/containerd/tmpmounts/containerd-mount1: write /var/lib/containerd/tmpmounts/containerd-mount1/x: no space left on device: unknown`,
    tries: 7,
    pods: () => 2,
    sinceMs: 11 * minute,
    triedMs: () => 45_000,
  },
];
const slowNodes = nodes(31, 32);
const allNodes = nodes(1, 32);

export async function setOnCall(): Promise<OnCall> {
  await using stack = new AsyncDisposableStack();
  const { api, kubeconfig } = stack.use(await startFakeKubernetes());
  const began = Date.now();
  const time = (ago: number): string => new Date(began - ago).toISOString();
  const putPod = (
    { image, namespace, sinceMs }: Pick<Fault, "image" | "namespace" | "sinceMs">,
    name: string,
    nodeName: string,
    state: object,
  ): void =>
    api.put("pods", {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, namespace, uid: `uid-${name}`, creationTimestamp: time(sinceMs) },
      spec: { nodeName, containers: [{ name: "main", image }] },
      status: {
        phase: "Pending",
        conditions: [{ type: "PodScheduled", status: "True", lastTransitionTime: time(sinceMs) }],
        containerStatuses: [{ name: "main", imageID: "", ...state }],
      },
    } as Parameters<typeof api.put>[1]);
  const nameOf = (fault: Pick<Fault, "image">, nodeName: string, pod: number): string =>
    `${/([^/:]+):[^:]+$/.exec(fault.image)?.[1]}-7d9f-${nodeName}-${pod}`;

  for (const fault of faults) {
    for (const [index, nodeName] of fault.nodes.entries()) {
      for (let pod = 0; pod < fault.pods(index); pod += 1) {
        const name = nameOf(fault, nodeName, pod);
        const message = `Back-off pulling image "${fault.image}": ErrImagePull: ${fault.says}`;
        putPod(fault, name, nodeName, { state: { waiting: { reason: "ImagePullBackOff", message } } });
        api.put("events", {
          apiVersion: "v1",
          kind: "Event",
          metadata: { name: `${name}.failed`, namespace: fault.namespace, creationTimestamp: time(fault.sinceMs) },
          involvedObject: { uid: `uid-${name}` },
          reason: "Failed",
          message: `Failed to pull image "${fault.image}": ${fault.says}`,
          firstTimestamp: time(fault.sinceMs),
          lastTimestamp: time(fault.triedMs(index)),
          count: fault.tries,
        } as Parameters<typeof api.put>[1]);
      }
    }
  }
  for (const nodeName of slowNodes) {
    for (let pod = 0; pod < 2; pod += 1) {
      const large = { image: largeImage, namespace: "payments", sinceMs: 2 * minute };
      putPod(large, nameOf(large, nodeName, pod), nodeName, { state: { waiting: { reason: "ContainerCreating" } } });
    }
  }

  const waybill = stack.adopt(
    await startWaybill(["pulltrace", "server", "--http-addr", "127.0.0.1:0", "--metrics-addr", "127.0.0.1:0"], {
      PULLTRACE_KUBERNETES: kubeconfig,
    }),
    (running) => running.close(),
  );
  const over = new AbortController();
  const reporting = report(waybill.url, began, over.signal);
  stack.defer(async () => {
    over.abort();
    await reporting;
  });
  const owned = stack.move();
  return {
    waybill,
    mend() {
      const [fault] = faults;
      if (fault === undefined) return;
      for (const [index, nodeName] of fault.nodes.entries()) {
        for (let pod = 0; pod < fault.pods(index); pod += 1) {
          const running = { imageID: `${imageX}@sha256:${"a".repeat(64)}`, state: { running: { startedAt: time(0) } } };
          putPod(fault, nameOf(fault, nodeName, pod), nodeName, running);
        }
      }
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** What the agents of all nodes say, once a second; where that takes longer, none of them counts as silent for a minute. */
async function report(url: string, began: number, over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    await Promise.all(
      allNodes.map(async (nodeName) => {
        const pulls = slowNodes.includes(nodeName) ? [largePull(began)] : [];
        const body: AgentReport = { nodeName, timestamp: new Date().toISOString(), reportIntervalMs: 20_000, pulls };
        const response = await fetch(`${url}/api/v1/report`, { method: "POST", body: JSON.stringify(body) });
        if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`);
      }),
    );
    await sleep(1_000);
  }
}

/** One layer is nearly all of it, and comes at 5 MiB/s: it takes longer than any test. */
function largePull(began: number): ReportedPull {
  const startedAt = new Date(began - minute).toISOString();
  const layer = (letter: string, mebibytes: number, downloaded: number): ReportedPull["layers"][number] => ({
    digest: `sha256:${letter.repeat(64)}`,
    mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
    totalBytes: mebibytes * mebibyte,
    downloadedBytes: Math.floor(downloaded * mebibyte),
    totalKnown: true,
    phase: downloaded >= mebibytes ? "done" : "downloading",
    startedAt,
  });
  const arrived = Math.min(7_900, 300 + ((Date.now() - began) / 1_000) * 5);
  return {
    id: `large-${began}`,
    imageRef: largeImage,
    startedAt,
    totalKnown: true,
    phase: "downloading",
    layers: [layer("a", 28, 28), layer("b", 8_000, arrived), layer("c", 4, 4)],
  };
}
