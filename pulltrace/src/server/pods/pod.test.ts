import { describe, expect, it } from "vitest";
import * as fc from "fast-check";
import { keptPod, nothingWaits, samePod, type Pod } from "./pod.ts";
import { podOf, runningOf, timeText, waitingFor, type PodShape } from "./testing/pods.ts";

const waits = (shape: PodShape) =>
  keptPod(podOf(shape))?.waits.map(({ part, container, image, turn, reason }) =>
    [part, container, image, turn ? "now" : "later", reason ?? ""].join(" ").trim(),
  );
const init = (name: string, image: string, restartPolicy?: string) => ({
  name,
  image,
  ...(restartPolicy === undefined ? {} : { restartPolicy }),
});
const done = (name: string) => ({
  name,
  imageID: "x",
  state: { terminated: { exitCode: 0, finishedAt: timeText(5_000) } },
});

describe("what a pod waits for", () => {
  it("is nothing while no node has it, and when it is over or going", () => {
    expect(keptPod(podOf({ nodeName: "" }))).toBeUndefined();
    expect(keptPod(podOf({ status: { phase: "Succeeded" } }))).toBeUndefined();
    expect(keptPod(podOf({ status: { phase: "Failed" } }))).toBeUndefined();
    const pod = podOf();
    expect(keptPod({ ...pod, metadata: { ...pod.metadata, deletionTimestamp: timeText(1) } })).toBeUndefined();
  });

  it("is every container's image before kubelet has said anything", () => {
    expect(waits({ images: ["a", "b"] })).toEqual(["container c0 a now", "container c1 b now"]);
  });

  it("is no longer a container's image once it has it: running, ended, crashed", () => {
    const statuses = [
      runningOf("c0"),
      done("c1"),
      { name: "c2", imageID: "x", state: { waiting: { reason: "CrashLoopBackOff" } } },
      waitingFor("c3", "ContainerCreating"),
    ];
    expect(waits({ images: ["a", "b", "c", "d"], statuses })).toEqual(["container c3 d now ContainerCreating"]);
    expect(keptPod(podOf({ statuses: [runningOf("c0")] }))).toBe(nothingWaits);
  });

  it("is an image that kubelet misses again, although the container once ran", () => {
    const again = { name: "c0", imageID: "x", state: { waiting: { reason: "ImagePullBackOff" } } };
    expect(waits({ statuses: [again] })).toEqual(["container c0 nginx:1 now ImagePullBackOff"]);
  });

  it.each(["ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"])(
    "carries kubelet's reason %s and its words",
    (reason) => {
      expect(keptPod(podOf({ statuses: [waitingFor("c0", reason, "because")] }))?.waits[0]).toMatchObject({
        reason,
        message: "because",
      });
    },
  );

  it("comes in turn: init containers one after the other, sidecars once started, then the containers", () => {
    const spec = {
      initContainers: [init("i0", "a"), init("s1", "b", "Always"), init("i2", "c")],
      containers: [{ name: "c0", image: "d" }],
    };
    expect(waits({ spec })).toEqual(["init i0 a now", "sidecar s1 b later", "init i2 c later", "container c0 d later"]);
    expect(waits({ spec, status: { initContainerStatuses: [done("i0")] } })?.slice(0, 2)).toEqual([
      "sidecar s1 b now",
      "init i2 c later",
    ]);
    const after = [done("i0"), runningOf("s1")];
    expect(waits({ spec, status: { initContainerStatuses: after } })).toEqual([
      "init i2 c now",
      "container c0 d later",
    ]);
    expect(waits({ spec, status: { initContainerStatuses: [...after, done("i2")] } })).toEqual(["container c0 d now"]);
  });

  it("counts from when it is its turn", () => {
    const spec = { initContainers: [init("i0", "a"), init("i1", "b")] };
    const status = { initContainerStatuses: [done("i0")] };
    expect(keptPod(podOf({ since: 1_000, spec, status }))?.waits.map(({ since }) => since)).toEqual([5_000, 1_000]);
    expect(keptPod(podOf({ since: 1_000 }))?.waits[0]?.since).toBe(1_000);
    // A container that ran for days and ended waits since its end, not since the pod came to the node.
    const ended = {
      ...waitingFor("c0", "ImagePullBackOff"),
      lastState: { terminated: { finishedAt: timeText(9_000) } },
    };
    expect(keptPod(podOf({ since: 1_000, statuses: [ended] }))?.waits[0]?.since).toBe(9_000);
  });

  it.each(["CreateContainerConfigError", "CreateContainerError", "RunContainerError", "CrashLoopBackOff"])(
    "is no image when kubelet says %s: it comes to that with the image only",
    (reason) => {
      const spec = { volumes: [{ name: "model", image: { reference: "models/llm:7" } }] };
      expect(keptPod(podOf({ spec, statuses: [waitingFor("c0", reason, "not found")] }))).toBe(nothingWaits);
    },
  );

  it("can be an ephemeral container's image while everything else runs", () => {
    const spec = { ephemeralContainers: [{ name: "debug", image: "busybox" }] };
    expect(waits({ statuses: [runningOf("c0")], spec })).toEqual(["ephemeral debug busybox now"]);
    const status = { ephemeralContainerStatuses: [runningOf("debug")] };
    expect(keptPod(podOf({ spec, status: { containerStatuses: [runningOf("c0")], ...status } }))).toBe(nothingWaits);
  });

  it("can be an image volume, until a container has begun, and has the failure that names it", () => {
    const spec = { volumes: [{ name: "model", image: { reference: "models/llm:7" } }, { name: "tmp" }] };
    expect(waits({ spec })).toEqual(["volume model models/llm:7 now", "container c0 nginx:1 now"]);
    const message = 'Failed to pull image "models/llm:7": not found';
    expect(waits({ spec, statuses: [waitingFor("c0", "ErrImagePull", message)] })?.[0]).toBe(
      "volume model models/llm:7 now ErrImagePull",
    );
    expect(waits({ spec, statuses: [waitingFor("c0", "ErrImagePull", 'pull image "nginx:1": no')] })?.[0]).toBe(
      "volume model models/llm:7 now",
    );
    expect(keptPod(podOf({ spec, statuses: [runningOf("c0")] }))).toBe(nothingWaits);
  });

  it("survives pods of any shape", () => {
    const odd = fc.oneof(
      fc.constant(undefined),
      fc.string(),
      fc.constant([]),
      fc.array(fc.record({ name: fc.string() })),
    );
    fc.assert(
      fc.property(fc.record({ containers: odd, phase: fc.string() }), ({ containers, phase }) => {
        const spec = { nodeName: "n", containers: Array.isArray(containers) ? containers : [] };
        const kept = keptPod({ ...podOf(), spec, status: { phase } } as Pod);
        expect(kept === undefined || kept.waits.every(({ image }) => image !== "")).toBe(true);
      }),
    );
  });

  it("is the same only when readers would see no difference", () => {
    const kept = (shape: PodShape) => keptPod(podOf(shape))!;
    expect(samePod(kept({}), kept({}))).toBe(true);
    expect(samePod(kept({}), kept({ images: ["other"] }))).toBe(false);
    expect(samePod(kept({}), kept({ statuses: [waitingFor("c0", "ErrImagePull")] }))).toBe(false);
    expect(samePod(kept({}), kept({ uid: "another" }))).toBe(false);
  });
});
