import type { ColdStart, Failure, PodReference, PullStatus } from "@waybill/pulltrace/contract";
import { busyPulls, sampleLayer, samplePods, samplePull } from "./sample-pulls.ts";

const registry = "registry.eu-central.example.com:5000";
const image = (name: string): string => `${registry}/${name}`;

const notFound: Failure = {
  code: "not-found",
  sentence: "registry.eu-central.example.com:5000 has no such image, tag or digest.",
  advice: "Check repository and tag for typing errors, and that the build that pushes it has finished.",
};
const limited: Failure = {
  code: "rate-limited",
  sentence: "docker.io refuses further requests for now (429).",
  advice:
    "Wait until the limit is reset, pull with an account that has a higher one (imagePullSecrets), or use a mirror near the nodes.",
};

interface Failing {
  readonly id: string;
  readonly node: string;
  readonly image: string;
  readonly failure: Failure;
  readonly attempts: number;
  /** Seconds until the next try; absent: never. */
  readonly next?: number;
  readonly pods: readonly PodReference[];
  readonly tenant?: string;
}

/** A pull that kubelet tries in vain, as the server tells it. */
function failingPull(o: Failing, now: number): PullStatus {
  const { failure } = o;
  const base = samplePull(
    {
      id: o.id,
      node: o.node,
      image: o.image,
      phase: "failed",
      began: 260,
      ended: 20,
      error: `${failure.sentence} ${failure.advice}`,
      pods: o.pods,
      ...(o.tenant === undefined ? {} : { tenant: o.tenant }),
    },
    now,
  );
  return {
    ...base,
    failure,
    attempts: o.attempts,
    ...(o.next === undefined ? {} : { nextTryAt: new Date(now + o.next * 1000).toISOString() }),
    waitsFor:
      o.next === undefined
        ? {
            kind: "never",
            sentence: "kubelet cannot read the image's name and does not pull it before the pod is changed.",
          }
        : {
            kind: "back-off",
            sentence: `After at least ${o.attempts} failed tries kubelet waits about 80 s before the next.`,
          },
  };
}

/** An image that pods on the node need, and whose pull has not begun. */
function notBegunPull(id: string, node: string, name: string, ahead: number, now: number): PullStatus {
  const pods = waitingPods("platform", name, 2, image(`platform/${name}:2.1`), now);
  const base = samplePull(
    { id, node, image: image(`platform/${name}:2.1`), phase: "waiting", began: 47, tenant: "platform", pods },
    now,
  );
  return {
    ...base,
    waitsFor:
      ahead > 0
        ? {
            kind: "queue",
            sentence: `kubelet has asked for it; ${ahead} pulls of this node are before it (unless told otherwise, kubelet pulls one image after the other).`,
            pullsAhead: ahead,
          }
        : {
            kind: "not-begun",
            sentence:
              "The pod is on the node, and kubelet has not come to this image (the pod's network or volumes may not be ready).",
          },
  };
}

/** One of them waits with an init container and a sidecar. */
function waitingPods(namespace: string, name: string, count: number, of: string, now: number): PodReference[] {
  const since = new Date(now - 95_000).toISOString();
  const pods = samplePods(namespace, name, count, of).map((pod) => ({
    ...pod,
    since,
    reason: "ContainerCreating",
    part: "container" as const,
  }));
  const [first] = pods;
  if (first === undefined) return pods;
  const { podName } = first;
  return [
    { ...first, container: "migrate", part: "init" },
    { namespace, podName, container: "proxy", image: of, part: "sidecar", since, reason: "PodInitializing" },
    ...pods.slice(1),
  ];
}

/**
 * The night of the on-call engineer: 30 nodes cannot pull one image, docker.io limits three others, a name is wrong,
 * two images wait behind others, and some pulls run.
 */
export function backOffPulls(now: number): PullStatus[] {
  const web = image("team-a/web:2.0");
  const backOff = (pods: PodReference[]): PodReference[] =>
    pods.map((pod) => ({
      ...pod,
      part: "container",
      reason: "ImagePullBackOff",
      since: new Date(now - 260_000).toISOString(),
    }));
  const many = Array.from({ length: 30 }, (_, at) =>
    failingPull(
      {
        id: `web-${at}`,
        node: `node-${at + 1}`,
        image: web,
        failure: notFound,
        attempts: 4 + (at % 3),
        next: 40 + at * 3,
        pods: backOff(
          samplePods("team-a", "web", 1, web).map((pod) => ({ ...pod, podName: `web-5d8f7c9b4-${at + 11}` })),
        ),
        tenant: "team-a",
      },
      now,
    ),
  );
  const three = ["redis:7.4", "nginx:1.27", "busybox:1.37"].map((name, at) =>
    failingPull(
      {
        id: `limited-${at}`,
        node: `node-${at + 1}`,
        image: `docker.io/library/${name}`,
        failure: { ...limited, retryAt: new Date(now + 1_500_000).toISOString() },
        attempts: 2,
        next: 12 + at,
        pods: backOff(samplePods("shop", name.slice(0, name.indexOf(":")), 2, name)),
      },
      now,
    ),
  );
  const wrong = failingPull(
    {
      id: "wrong",
      node: "node-7",
      image: "Registry.example.com/Shop:1",
      failure: {
        code: "invalid-name",
        sentence: "The image's name is not one.",
        advice:
          "Write it as host/repository:tag or host/repository@sha256:…, in lower case, without blanks or a scheme.",
      },
      attempts: 1,
      pods: backOff(samplePods("shop", "shop", 1, "Registry.example.com/Shop:1")),
    },
    now,
  );
  const running = busyPulls(now)
    .slice(0, 3)
    .map((pull): PullStatus => {
      const [pod] = pull.pods;
      return pod === undefined
        ? pull
        : { ...pull, pods: [...waitingPods(pod.namespace, "scorer", 3, pull.imageRef, now), ...pull.pods] };
    });
  return [
    ...many,
    ...three,
    wrong,
    notBegunPull("queued", "worker-03", "report-builder", 2, now),
    notBegunPull("unasked", "worker-05", "mail-gateway", 0, now),
    ...running,
  ];
}

/** A roll-out of which each running pull has a time left. */
export function timedRollOut(now: number): PullStatus[] {
  const ref = image("checkout/storefront:4.18.0");
  return Array.from({ length: 6 }, (_, at): PullStatus => {
    const done = at < 3;
    const pull = samplePull(
      {
        id: `t${at}`,
        node: `worker-0${at + 1}`,
        image: ref,
        phase: done ? "done" : "downloading",
        began: 44,
        ...(done ? { ended: 9 } : {}),
        tenant: "checkout",
        pods: done ? [] : waitingPods("checkout", `storefront-${at}`, 1, ref, now),
        layers: [
          sampleLayer(28, 1, "cached", { content: "debian" }),
          sampleLayer(640, done ? 1 : 0.2 + at * 0.1, done ? "done" : "downloading", { speed: done ? 0 : 8e6 }),
        ],
      },
      now,
    );
    if (done) return pull;
    return { ...pull, timeLeft: { endsAt: new Date(now + (200 - at * 20) * 1000).toISOString(), basis: "measured" } };
  });
}

/** What the server answers about a cold start of the image. */
export function sampleColdStart(imageRef: string): ColdStart {
  const layer = (name: string, share: number): ColdStart["layers"][number] => ({
    digest: `sha256:${name.repeat(64).slice(0, 64)}`,
    mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
    totalBytes: Math.round(share * 1.9e9),
    seconds: Math.round(share * 300),
    share,
  });
  return {
    imageRef,
    totalBytes: 1_900_000_000,
    seconds: 240,
    downloadSeconds: 170,
    unpackSeconds: 70,
    bytesPerSec: 12_000_000,
    basis: "fleet",
    sentence:
      "On a cold node this image takes about 4 min: 1.77 GiB at 11.4 MiB/s, and unpacking; 3 layers of 7 are 80 % of it.",
    heaviest: 3,
    layers: [
      layer("a1", 0.44),
      layer("b2", 0.24),
      layer("c3", 0.13),
      layer("d4", 0.09),
      layer("e5", 0.06),
      layer("f6", 0.03),
      layer("07", 0.01),
    ],
  };
}
