import { describe, expect, it } from "vitest";
import { keptEvent, type KubeletEvent } from "./kubelet-event.ts";
import { keptPod, nothingWaits, type KeptPod } from "./pod.ts";
import { createPodIndex } from "./pod-index.ts";
import { eventOf, podOf, waitingFor, type PodShape } from "./testing/pods.ts";

const kept = (shape: PodShape): KeptPod => keptPod(podOf(shape))!;
const failed = 'Failed to pull image "nginx:1": rpc error: not found';

describe("keptEvent", () => {
  it.each([
    ["Pulling", 'Pulling image "nginx:1"', "pulling"],
    ["Failed", failed, "failed"],
    ["BackOff", 'Back-off pulling image "nginx:1"', "back-off"],
    ["Pulled", 'Successfully pulled image "nginx:1" in 1.2s (1.2s including waiting). Image size: 5 bytes.', "there"],
    ["Pulled", 'Container image "nginx:1" already present on machine', "there"],
  ])("reads %s: %s", (reason, message, kind) => {
    expect(keptEvent(eventOf(reason, message, 5_000, { count: 3 }))).toMatchObject({
      kind,
      image: "nginx:1",
      podUid: "uid-web",
      count: 3,
      lastAt: 5_000,
    });
  });

  it("passes over what says nothing of a pull", () => {
    expect(keptEvent(eventOf("Failed", "Error: ErrImagePull", 0))).toBeUndefined();
    expect(keptEvent(eventOf("BackOff", "Back-off restarting failed container", 0))).toBeUndefined();
    expect(keptEvent(eventOf("Killing", 'Pulling image "x"', 0))).toBeUndefined();
    expect(keptEvent({ metadata: {}, message: 5, reason: "Pulling" } as unknown as KubeletEvent)).toBeUndefined();
  });

  it("takes time and count of a series", () => {
    const event = { ...eventOf("Pulling", 'Pulling image "a"', 0), lastTimestamp: null };
    const series = { count: 7, lastObservedTime: new Date(9_000).toISOString() };
    expect(keptEvent({ ...event, series })).toMatchObject({ count: 7, lastAt: 9_000 });
    expect(keptEvent({ ...event, eventTime: new Date(8_000).toISOString() })).toMatchObject({ lastAt: 8_000 });
  });
});

describe("the index of pods", () => {
  it("knows what waits on which node, and forgets it with the pod", () => {
    const index = createPodIndex();
    const pod = kept({});
    expect(index.podChanged({ type: "added", key: "shop/web", value: pod }, 0)).toEqual(["node-1"]);
    expect(index.podsOn("node-1", 0).waiting).toMatchObject([
      { podName: "web", image: "nginx:1", tries: 0, asked: false },
    ]);
    expect(index.podChanged({ type: "deleted", key: "shop/web", previous: pod }, 5)).toEqual(["node-1"]);
    expect(index.podsOn("node-1", 6)).toEqual({
      waiting: [],
      settled: [{ image: "docker.io/library/nginx:1", at: 5, how: "gone" }],
    });
    expect(index.size()).toEqual({ pods: 0, events: 0, tries: 0 });
    expect(index.podsOn("node-1", 60_005).settled).toEqual([]);
  });

  it("tells a container that got its image from one whose pod went away", () => {
    const index = createPodIndex();
    const two = kept({ images: ["a", "b"] });
    const one = kept({ images: ["a", "b"], statuses: [{ name: "c0", imageID: "x", state: { running: {} } }] });
    index.podChanged({ type: "added", key: "k", value: two }, 0);
    index.podChanged({ type: "changed", key: "k", value: one, previous: two }, 1);
    index.podChanged({ type: "changed", key: "k", value: nothingWaits, previous: one }, 2);
    expect(index.podsOn("node-1", 3)).toEqual({
      waiting: [],
      settled: [
        { image: "docker.io/library/a:latest", at: 1, how: "has-image" },
        { image: "docker.io/library/b:latest", at: 2, how: "has-image" },
      ],
    });
    // The same name on another node, as a StatefulSet makes it.
    const again = kept({ uid: "next", nodeName: "node-2" });
    expect(index.podChanged({ type: "changed", key: "k", value: again, previous: nothingWaits }, 4)).toEqual([
      "node-2",
    ]);
    expect(index.podChanged({ type: "changed", key: "k", value: kept({ uid: "third" }), previous: again }, 5)).toEqual([
      "node-2",
      "node-1",
    ]);
    expect(index.podsOn("node-2", 6).settled).toMatchObject([{ how: "gone" }]);
  });

  it("adds what kubelet says, in whatever order pod and events come", () => {
    for (const podFirst of [true, false]) {
      const index = createPodIndex();
      const pod = kept({ statuses: [waitingFor("c0", "ImagePullBackOff", 'Back-off pulling image "nginx:1"')] });
      const add = (): unknown => index.podChanged({ type: "added", key: "k", value: pod }, 0);
      if (podFirst) add();
      for (const [key, event] of [
        ["a", eventOf("Pulling", 'Pulling image "nginx:1"', 1_000, { count: 2 })],
        ["b", eventOf("Failed", failed, 2_000, { count: 2 })],
        ["c", eventOf("Failed", 'Failed to pull image "nginx:1": 429 Too Many Requests', 3_000)],
        ["d", eventOf("Failed", 'Failed to pull image "other:1": no', 9_000)],
      ] as const) {
        const nodes = index.eventChanged({ type: "added", key, value: keptEvent(event)! });
        expect(nodes).toEqual(podFirst ? ["node-1"] : []);
      }
      if (!podFirst) add();
      expect(index.podsOn("node-1", 0).waiting).toMatchObject([
        { tries: 3, failedAt: 3_000, asked: false, message: 'Failed to pull image "nginx:1": 429 Too Many Requests' },
      ]);
      index.eventChanged({
        type: "changed",
        key: "a",
        value: keptEvent(eventOf("Pulling", 'Pulling image "nginx:1"', 4_000))!,
        previous: keptEvent(eventOf("Pulling", 'Pulling image "nginx:1"', 1_000))!,
      });
      expect(index.podsOn("node-1", 0).waiting[0]?.asked).toBe(true);
    }
  });

  it("finds what kubelet says of a static pod, whose mirror in the API has another UID", () => {
    const index = createPodIndex();
    const pod = podOf({ statuses: [waitingFor("c0", "ImagePullBackOff", 'Back-off pulling image "nginx:1"')] });
    const annotations = { "kubernetes.io/config.mirror": "hash-of-the-file" };
    const mirror = keptPod({ ...pod, metadata: { ...pod.metadata, annotations } })!;
    index.podChanged({ type: "added", key: "k", value: mirror }, 0);
    const event = keptEvent(eventOf("Failed", failed, 2_000, { uid: "hash-of-the-file", count: 4 }))!;
    expect(index.eventChanged({ type: "added", key: "e", value: event })).toEqual(["node-1"]);
    expect(index.podsOn("node-1", 0).waiting).toMatchObject([{ tries: 4, failedAt: 2_000, message: failed }]);
  });

  it("counts tries by the pod's status where events are missing, and forgets events as Kubernetes does", () => {
    const index = createPodIndex();
    let previous = kept({});
    index.podChanged({ type: "added", key: "k", value: previous }, 0);
    const say = (reason: string, at: number): void => {
      const value = kept({ statuses: [waitingFor("c0", reason, `${reason} said`)] });
      index.podChanged({ type: "changed", key: "k", value, previous }, at);
      previous = value;
    };
    for (const [at, reason] of ["ErrImagePull", "ImagePullBackOff", "ErrImagePull", "ImagePullBackOff"].entries())
      say(reason, 100_000 + at * 10_000);
    // The first is told at once, each later one by the next look at the pod.
    expect(index.podsOn("node-1", 0).waiting).toMatchObject([{ tries: 2, failedAt: 107_500, backOffMs: 20_000 }]);
    const value = keptEvent(eventOf("Failed", failed, 1_000))!;
    index.eventChanged({ type: "added", key: "e", value });
    index.eventChanged({ type: "deleted", key: "e", previous: value });
    expect(index.size()).toEqual({ pods: 1, events: 0, tries: 1 });
  });
});
