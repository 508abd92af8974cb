import type {
  LayerPhase,
  LayerStatus,
  NodeStatus,
  PodReference,
  PullCause,
  PullPhase,
  PullStatus,
} from "@waybill/pulltrace/contract";

const MiB = 1024 ** 2;
const layerType = "application/vnd.oci.image.layer.v1.tar+gzip";

interface SampleLayer {
  readonly size: number;
  /** 0..1 */
  readonly share: number;
  readonly phase: LayerPhase;
  /** Names the content: equal names are the same layer. */
  readonly content?: string;
  readonly speed?: number;
}

interface SamplePull {
  readonly id: string;
  readonly node: string;
  readonly image: string;
  readonly phase: PullPhase;
  readonly layers?: readonly SampleLayer[];
  readonly tenant?: string;
  readonly pods?: readonly PodReference[];
  /** Seconds ago. */
  readonly began: number;
  /** Seconds ago. */
  readonly ended?: number;
  readonly error?: string;
  readonly eta?: number;
  /** Tries that failed before it. */
  readonly attempts?: number;
  readonly cause?: PullCause;
  readonly recording?: boolean;
}

/** A digest that depends on nothing but `name`. */
function sampleDigest(name: string): string {
  let state = 2_166_136_261;
  let hex = "";
  for (let round = 0; hex.length < 64; round += 1) {
    for (const character of `${name} ${round}`) state = Math.imul(state ^ character.charCodeAt(0), 16_777_619) >>> 0;
    hex += state.toString(16).padStart(8, "0");
  }
  return `sha256:${hex.slice(0, 64)}`;
}

/** A pull as the server would tell it at `now` (ms). */
export function samplePull(o: SamplePull, now: number): PullStatus {
  const at = (secondsAgo: number): string => new Date(now - secondsAgo * 1000).toISOString();
  const layers = (o.layers ?? []).map((layer, index): LayerStatus => {
    const complete = layer.phase === "done" || layer.phase === "cached";
    const here =
      layer.phase === "done" || layer.phase === "unpacking" || layer.phase === "downloaded"
        ? at(Math.max(o.ended ?? 0, o.began * (0.75 - index * 0.07)))
        : undefined;
    const ended = complete ? at(Math.max(o.ended ?? 0, o.began * (0.6 - index * 0.07))) : undefined;
    return {
      pullId: o.id,
      digest: sampleDigest(layer.content ?? `${o.image} ${index}`),
      mediaType: layerType,
      totalBytes: layer.size,
      downloadedBytes: Math.round(layer.size * layer.share),
      bytesPerSec: layer.speed ?? 0,
      percent: complete ? 100 : Math.min(99, layer.share * 100),
      startedAt: at(Math.max(o.ended ?? 0, o.began * (1 - index * 0.09) - 0.5)),
      ...(here === undefined ? {} : { downloadedAt: here }),
      ...(ended === undefined ? {} : { completedAt: ended }),
      totalKnown: true,
      phase: layer.phase,
      cached: layer.phase === "cached",
    };
  });
  const total = layers.reduce((sum, layer) => sum + layer.totalBytes, 0);
  const downloaded = layers.reduce((sum, layer) => sum + layer.downloadedBytes, 0);
  const known = layers.length > 0;
  return {
    id: o.id,
    nodeName: o.node,
    imageRef: o.image,
    totalBytes: total,
    downloadedBytes: downloaded,
    bytesPerSec: layers.reduce((sum, layer) => sum + layer.bytesPerSec, 0),
    etaSeconds: o.eta ?? -1,
    percent: o.phase === "done" ? 100 : known ? Math.min(99, (downloaded / total) * 100) : 0,
    layerCount: layers.length,
    layersDone: layers.filter((layer) => layer.phase === "done" || layer.phase === "cached").length,
    startedAt: at(o.began),
    ...(o.ended === undefined ? {} : { completedAt: at(o.ended) }),
    ...(o.error === undefined ? {} : { error: o.error }),
    ...(o.cause === undefined ? {} : { cause: o.cause }),
    ...(o.eta === undefined || o.cause === undefined
      ? {}
      : { timeLeft: { endsAt: at(-o.eta), basis: "measured" as const } }),
    ...(o.attempts === undefined ? {} : { attempts: o.attempts }),
    pods: o.pods ?? [],
    layers,
    totalKnown: known,
    phase: o.phase,
    ...(o.tenant === undefined ? {} : { tenant: o.tenant }),
    ...(known ? { manifestDigest: sampleDigest(`manifest ${o.image}`) } : {}),
    containerdNamespace: "k8s.io",
    cachedBytes: layers.filter((layer) => layer.cached).reduce((sum, layer) => sum + layer.totalBytes, 0),
    updatedAt: at(o.ended ?? 0),
    ...(o.recording === true ? { recording: true } : {}),
  };
}

export function samplePods(namespace: string, name: string, count: number, image: string): PodReference[] {
  return Array.from({ length: count }, (_, at) => ({
    namespace,
    podName: `${name}-7c9d8f5b6-${(at * 7919 + 35_113).toString(36)}`,
    container: "app",
    image,
  }));
}

export function sampleNodes(names: readonly string[], silent: readonly string[], now: number): NodeStatus[] {
  return names.map((nodeName) => ({
    nodeName,
    lastReportAt: new Date(now - (silent.includes(nodeName) ? 94_000 : 400)).toISOString(),
    reporting: !silent.includes(nodeName),
    agentVersion: "0.1.0",
    activePulls: 1,
    bytesPerSec: 0,
  }));
}

export const sampleLayer = (
  size: number,
  share: number,
  phase: LayerPhase,
  more: Partial<SampleLayer> = {},
): SampleLayer => ({
  size: Math.round(size * MiB),
  share,
  phase,
  ...more,
});

const layer = sampleLayer;
const registry = "registry.eu-central.example.com:5000";

/** A dozen pulls that show every phase. */
export function busyPulls(now: number): PullStatus[] {
  const shared = { content: "python base" };
  const pull = (o: SamplePull): PullStatus => samplePull(o, now);
  const image = (name: string): string => `${registry}/${name}`;
  const base = [layer(28, 1, "cached", { content: "debian" }), layer(52, 1, "cached", { content: "runtime" })];
  return [
    pull({
      id: "p01",
      node: "worker-03",
      image: image("payments/fraud-model:2026.11.2"),
      phase: "downloading",
      tenant: "payments",
      began: 74,
      eta: 131,
      cause: {
        kind: "one-layer",
        sentence: "One layer of 1.15 GiB holds 78 % of what is missing, and one layer is one stream.",
        share: 0.78,
      },
      pods: samplePods("payments", "fraud-scorer", 5, image("payments/fraud-model:2026.11.2")),
      layers: [
        ...base,
        layer(412, 1, "done"),
        layer(1180, 0.37, "downloading", { speed: 31 * MiB }),
        layer(240, 0.1, "downloading", { speed: 9.4 * MiB }),
        layer(86, 0, "waiting"),
        layer(3, 0, "waiting"),
      ],
    }),
    pull({
      id: "p02",
      node: "worker-01",
      image: image("checkout/storefront:4.18.0"),
      phase: "downloading",
      tenant: "checkout",
      began: 21,
      eta: 9,
      pods: samplePods("checkout", "storefront", 2, image("checkout/storefront:4.18.0")),
      layers: [
        ...base,
        layer(64, 0.82, "downloading", { speed: 12.6 * MiB }),
        layer(31, 0.44, "downloading", { speed: 6 * MiB }),
        layer(2, 1, "downloaded"),
      ],
    }),
    pull({
      id: "p03",
      node: "worker-02",
      image: image("search/indexer:9.1.4"),
      phase: "unpacking",
      tenant: "search",
      began: 96,
      pods: samplePods("search", "indexer", 1, image("search/indexer:9.1.4")),
      layers: [
        ...base,
        layer(96, 1, "done"),
        layer(640, 1, "unpacking"),
        layer(120, 1, "downloaded"),
        layer(12, 1, "downloaded"),
      ],
    }),
    pull({
      id: "p04",
      node: "worker-04",
      image: image("analytics/notebook:cuda-12.6"),
      phase: "downloading",
      tenant: "analytics",
      began: 38,
      eta: 214,
      attempts: 2,
      pods: samplePods("analytics", "notebook-lena", 1, image("analytics/notebook:cuda-12.6")),
      layers: [
        layer(28, 1, "cached", { content: "debian" }),
        layer(890, 0.21, "downloading", { ...shared, speed: 18 * MiB }),
        layer(2210, 0.06, "downloading", { speed: 14 * MiB }),
        layer(330, 0, "waiting"),
        layer(15, 0, "waiting"),
      ],
    }),
    pull({
      id: "p05",
      node: "worker-04",
      image: image("analytics/training-runner:1.7.3"),
      phase: "downloading",
      tenant: "analytics",
      began: 17,
      pods: samplePods("analytics", "train-nightly", 3, image("analytics/training-runner:1.7.3")),
      layers: [
        layer(28, 1, "cached", { content: "debian" }),
        layer(890, 0, "waiting", shared),
        layer(44, 0, "waiting"),
      ],
    }),
    pull({
      id: "p06",
      node: "worker-05",
      image: image("platform/ingress-proxy:1.31.2"),
      phase: "resolving",
      tenant: "platform",
      began: 1,
    }),
    pull({
      id: "p07",
      node: "worker-01",
      image: image("platform/log-shipper:3.2.0"),
      phase: "downloading",
      tenant: "platform",
      began: 6,
      eta: 3,
      pods: samplePods("platform", "log-shipper", 1, image("platform/log-shipper:3.2.0")),
      layers: [layer(3.4, 1, "cached"), layer(18, 0.7, "downloading", { speed: 4.2 * MiB })],
    }),
    pull({
      id: "p08",
      node: "worker-02",
      image: "docker.io/library/postgres:18.1",
      phase: "downloading",
      began: 12,
      layers: [
        layer(28, 1, "cached", { content: "debian" }),
        layer(104, 0.3, "downloading", { speed: 0 }),
        layer(8, 1, "downloaded"),
        layer(0.01, 1, "downloaded"),
      ],
    }),
    pull({
      id: "p09",
      node: "worker-03",
      image: image("search/embedding-server:0.9.0"),
      phase: "failed",
      tenant: "search",
      began: 250,
      ended: 31,
      error: "The registry answered 429 Too Many Requests for layer 4 of 6; kubelet tries again in 40 s.",
      pods: samplePods("search", "embedding-server", 2, ""),
      layers: [
        ...base,
        layer(210, 1, "done"),
        layer(512, 0.46, "failed"),
        layer(33, 0, "waiting"),
        layer(1, 0, "waiting"),
      ],
    }),
    pull({
      id: "p10",
      node: "worker-01",
      image: image("checkout/cart-api:2.0.11"),
      phase: "done",
      tenant: "checkout",
      began: 190,
      ended: 148,
      layers: [...base, layer(38, 1, "done"), layer(9, 1, "done")],
    }),
    pull({
      id: "p11",
      node: "worker-05",
      image: image("payments/ledger:7.4.0"),
      phase: "done",
      tenant: "payments",
      began: 420,
      ended: 365,
      layers: [
        layer(28, 1, "done", { content: "debian" }),
        layer(52, 1, "done", { content: "runtime" }),
        layer(71, 1, "done"),
      ],
    }),
    pull({
      id: "p12",
      node: "worker-02",
      image: image("analytics/etl@sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"),
      phase: "cancelled",
      tenant: "analytics",
      began: 900,
      ended: 840,
      error: "The client gave this pull up after 60 s, with 2 of 5 layers downloaded.",
      layers: [...base, layer(300, 0.5, "downloading"), layer(20, 0, "waiting"), layer(20, 0, "waiting")],
    }),
  ];
}

/** The dozen, and two images on their way to many nodes: one to six, one to 120. */
export function rollOutPulls(now: number): PullStatus[] {
  const ref = `${registry}/checkout/storefront:4.18.0`;
  const onto = (node: string, id: string, phase: PullPhase, share: number, image: string): PullStatus =>
    samplePull(
      {
        id,
        node,
        image,
        phase,
        tenant: "checkout",
        began: 44 - (id.charCodeAt(id.length - 1) % 7),
        ...(phase === "done" || phase === "failed" ? { ended: 9 } : {}),
        ...(phase === "downloading" ? { eta: Math.round((1 - share) * 60) } : {}),
        ...(phase === "failed"
          ? { error: "The registry answered 429 Too Many Requests; kubelet tries again in 40 s." }
          : {}),
        pods: phase === "done" || image !== ref ? [] : samplePods("checkout", "storefront", 1, image),
        layers: [
          layer(28, 1, "cached", { content: "debian" }),
          layer(64, share, phase === "resolving" || phase === "cancelled" ? "waiting" : phase, {
            speed: share < 1 ? 8 * MiB : 0,
          }),
        ],
      },
      now,
    );
  const everywhere = `${registry}/platform/node-agent:1.4.2`;
  return [
    ...busyPulls(now).filter((one) => one.id !== "p02"),
    onto("worker-01", "s1", "done", 1, ref),
    onto("worker-02", "s2", "done", 1, ref),
    onto("worker-03", "s3", "unpacking", 1, ref),
    onto("worker-04", "s4", "downloading", 0.34, ref),
    onto("worker-05", "s5", "done", 1, ref),
    onto("worker-06", "s6", "failed", 0.2, ref),
    ...Array.from({ length: 120 }, (_, at) =>
      onto(
        `edge-${at + 1}`,
        `e${at}`,
        at % 3 === 0 ? "downloading" : "done",
        at % 3 === 0 ? (at % 80) / 100 : 1,
        everywhere,
      ),
    ),
  ];
}
