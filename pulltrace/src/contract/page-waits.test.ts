import { describe, expect, it } from "vitest";
import type { FailureCode } from "./failure.ts";
import { type PageWaits, sumWaits } from "./page-waits.ts";
import type { PullStatus } from "./pull.ts";
import { registryOf } from "./troubles.ts";
import type { PodReference } from "./waiting.ts";

const time = (seconds: number): string => new Date(Date.UTC(2026, 10, 21, 12, 0, seconds)).toISOString();
const podsOf = (...names: readonly string[]): PodReference[] =>
  names.map((name) => {
    const [namespace = "", podName = ""] = name.split("/");
    return { namespace, podName, container: "app", image: "web" };
  });
const since = (pods: readonly PodReference[], seconds: number): PodReference[] =>
  pods.map((pod) => ({ ...pod, since: time(seconds) }));

let count = 0;
function pull(more: Partial<PullStatus>): PullStatus {
  count += 1;
  return {
    id: `p${count}`,
    nodeName: "node-1",
    imageRef: "r.example/team-a/web:1",
    totalBytes: 0,
    downloadedBytes: 0,
    bytesPerSec: 0,
    etaSeconds: -1,
    percent: 0,
    layerCount: 0,
    layersDone: 0,
    startedAt: time(0),
    pods: [],
    layers: [],
    totalKnown: false,
    phase: "downloading",
    cachedBytes: 0,
    updatedAt: time(0),
    ...more,
  };
}
const failing = (code: FailureCode, more: Partial<PullStatus> = {}): PullStatus =>
  pull({
    phase: "failed",
    failure: { code, sentence: "It failed.", advice: `What to do about ${code}.` },
    waitsFor: { kind: "back-off", sentence: "kubelet waits." },
    nextTryAt: time(40),
    ...more,
  });
const sums = (pulls: readonly PullStatus[]): PageWaits => {
  const waits = sumWaits();
  for (const one of pulls) waits.add(one);
  return waits.result();
};

describe("who waits, and why", () => {
  it("of nothing is nothing", () => {
    expect(sums([])).toEqual({
      pods: 0,
      namespaces: 0,
      failingPods: 0,
      downloading: 0,
      unpacking: 0,
      notBegun: 0,
      failures: 0,
      troubles: [],
      moreTroubles: 0,
      delays: [],
      images: [],
      moreImages: 0,
    });
  });

  it("counts a pod once, however many images it waits for, and none that waits no more", () => {
    const waits = sums([
      pull({ pods: podsOf("shop/a", "shop/b", "shop/a") }),
      pull({ phase: "unpacking", pods: podsOf("shop/a", "play/a") }),
      pull({ phase: "waiting", pods: podsOf("shop/c") }),
      failing("not-found", { pods: podsOf("shop/c", "shop/d") }),
      pull({ phase: "done", pods: podsOf("shop/old") }),
      pull({ phase: "failed", pods: podsOf("shop/older") }),
      pull({ phase: "cancelled", pods: podsOf("shop/oldest") }),
    ]);
    expect(waits).toMatchObject({ pods: 5, namespaces: 2, failingPods: 2 });
    expect(waits).toMatchObject({ downloading: 1, unpacking: 1, notBegun: 1, failures: 2 });
  });

  it("thirty nodes that lack one image are one trouble, with its next try and what to do", () => {
    const nodes = Array.from({ length: 30 }, (_, at) =>
      failing("not-found", {
        nodeName: `node-${at + 1}`,
        pods: since(podsOf(`shop/web-${at}`), at === 0 ? 59 : at),
        nextTryAt: time(90 - at),
      }),
    );
    expect(sums(nodes).troubles).toEqual([
      {
        key: "not-found r.example/team-a/web:1",
        code: "not-found",
        scope: "image",
        imageRef: "r.example/team-a/web:1",
        images: 1,
        nodeName: "node-1",
        nodes: 30,
        pods: 30,
        since: time(1),
        advice: "What to do about not-found.",
        nextTryAt: time(61),
        waitsFor: { kind: "back-off", sentence: "kubelet waits." },
      },
    ]);
  });

  it("a registry that is down is one trouble for all its images, full disks are one for all their nodes", () => {
    const other = { imageRef: "r.example/team-b/api:1" };
    const elsewhere = { imageRef: "s.example/team-b/api:1" };
    const scopes = (pulls: readonly PullStatus[]) =>
      sums(pulls).troubles.map(({ scope, images, nodes }) => ({ scope, images, nodes }));
    const down = [failing("connection"), failing("connection", other), failing("connection", elsewhere)];
    expect(scopes(down)).toEqual([
      { scope: "registry", images: 2, nodes: 1 },
      { scope: "registry", images: 1, nodes: 1 },
    ]);
    const full = [failing("no-space"), failing("no-space", other), failing("no-space", { nodeName: "node-2" })];
    expect(scopes(full)).toEqual([{ scope: "node", images: 2, nodes: 2 }]);
    expect(scopes([failing("not-found"), failing("not-found", other), failing("unauthorized")])).toHaveLength(3);
    // Without a registry's name there is none to blame.
    expect(scopes([failing("timeout", { imageRef: "web" }), failing("timeout", { imageRef: "api" })])).toHaveLength(2);
  });

  it.each(["not-found", "unauthorized"] as const)(
    "three images of a registry that are all %s have one cause, which is not the images'",
    (code) => {
      const images = (count: number, registry = "r.example"): PullStatus[] =>
        Array.from({ length: count }, (_, at) => {
          const more = { imageRef: `${registry}/app-${at}`, pods: podsOf(`shop/${registry}-${at}`) };
          return failing(code, { ...more, nodeName: `node-${at % 2}`, nextTryAt: time(50 - at) });
        });
      const told = (pulls: readonly PullStatus[]) =>
        sums(pulls).troubles.map(({ key, scope, images: of, nodes, pods }) => [key, scope, of, nodes, pods]);
      expect(told(images(2)).map(([, scope]) => scope)).toEqual(["image", "image"]);
      expect(told([...images(3), ...images(1, "s.example"), failing("unknown")])).toEqual([
        [`${code} r.example`, "registry", 3, 2, 3],
        [`${code} s.example/app-0`, "image", 1, 1, 1],
        ["unknown r.example/team-a/web:1", "image", 1, 1, 0],
      ]);
      expect(sums(images(3)).troubles[0]?.nextTryAt).toBe(time(48));
      // Without a registry's name, or a cause that is understood, each stands for itself.
      const bare = Array.from({ length: 3 }, (_, at) => failing(code, { imageRef: `app-${at}` }));
      const unknown = Array.from({ length: 3 }, (_, at) => failing("unknown", { imageRef: `r.example/app-${at}` }));
      expect([told(bare).length, told(unknown).length]).toEqual([3, 3]);
    },
  );

  it("what most pods wait for comes first; ten are told and the others counted", () => {
    const waits = sums(
      Array.from({ length: 25 }, (_, at) =>
        failing("not-found", {
          imageRef: `r${at}.example/app`,
          pods: podsOf(...Array.from({ length: at }, (__, pod) => `shop/${at}-${pod}`)),
        }),
      ),
    );
    expect(waits.troubles.map(({ pods }) => pods)).toEqual([24, 23, 22, 21, 20, 19, 18, 17, 16, 15]);
    expect(waits.moreTroubles).toBe(15);
    expect(waits.images.map(({ imageRef }) => imageRef).slice(0, 2)).toEqual(["r24.example/app", "r23.example/app"]);
    // Nobody waits for the first.
    expect(waits.moreImages).toBe(14);
  });

  it("pulls that are slow for one kind of cause are one delay: which is worst, whom it hits, when it is over", () => {
    const slow = (kind: "registry" | "unpack", more: Partial<PullStatus>) =>
      pull({ cause: { kind, sentence: `Because of ${more.nodeName ?? ""}.` }, ...more });
    const ends = (seconds: number) => ({ endsAt: time(seconds), basis: "measured" as const });
    const all = [
      slow("registry", { nodeName: "node-1", pods: podsOf("shop/a"), timeLeft: ends(50) }),
      slow("registry", { nodeName: "node-2", pods: podsOf("shop/a", "shop/b"), timeLeft: ends(70) }),
      slow("unpack", { nodeName: "node-3", phase: "unpacking", pods: podsOf("shop/c") }),
      // What failed is told as a trouble, what is over not at all.
      failing("rate-limited", { cause: { kind: "rate-limit", sentence: "429." } }),
      slow("unpack", { nodeName: "node-4", phase: "done" }),
    ];
    expect(sums(all).delays).toEqual([
      {
        kind: "registry",
        pulls: 2,
        nodes: 2,
        pods: 2,
        endsAt: time(70),
        worst: { imageRef: "r.example/team-a/web:1", nodeName: "node-2", sentence: "Because of node-2." },
      },
      {
        kind: "unpack",
        pulls: 1,
        nodes: 1,
        pods: 1,
        worst: { imageRef: "r.example/team-a/web:1", nodeName: "node-3", sentence: "Because of node-3." },
      },
    ]);
  });

  it("an image is over with its last node, and while one fails nobody knows", () => {
    const left = { timeLeft: { endsAt: time(30), basis: "node" as const } };
    const later = { timeLeft: { endsAt: time(80), basis: "node" as const } };
    const on = (nodeName: string, more: Partial<PullStatus>) =>
      pull({ nodeName, pods: podsOf(`shop/${nodeName}`), ...more });
    expect(sums([on("a", left), on("b", later)]).images).toEqual([
      { imageRef: "r.example/team-a/web:1", pods: 2, nodes: 2, failingNodes: 0, endsAt: time(80) },
    ]);
    expect(sums([on("a", left), failing("not-found", { nodeName: "b", pods: podsOf("shop/b") })]).images).toEqual([
      { imageRef: "r.example/team-a/web:1", pods: 2, nodes: 2, failingNodes: 1 },
    ]);
  });
});

it.each([
  ["docker.io/library/web:1", "docker.io"],
  ["127.0.0.1:5000/web@sha256:ab", "127.0.0.1:5000"],
  ["localhost/web", "localhost"],
  ["team/web:1.2", ""],
  ["web", ""],
  ["", ""],
])("the registry of %j is %j", (reference, registry) => expect(registryOf(reference)).toBe(registry));
