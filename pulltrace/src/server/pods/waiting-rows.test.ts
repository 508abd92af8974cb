import { describe, expect, it } from "vitest";
import { layerOf, noon, pullOf } from "../testing/reports.ts";
import { readerFilter } from "../reader-filter.ts";
import { failing, image, scene, waiting } from "./testing/board-scene.ts";
import { second } from "./testing/pods.ts";
import { waitingPodsOf } from "./waiting-pods.ts";

const digest = `sha256:${"d".repeat(64)}`;

describe("pods of a running pull", () => {
  it("stand in it while they wait, and leave it when they have the image", () => {
    const { waits, report, pulls } = scene();
    waits([waiting(), waiting({ podName: "job", part: "init", turn: false })]);
    report([pullOf([layerOf(1, 10)])]);
    expect(pulls()[0]?.pods.map(({ podName, part }) => `${podName} ${part}`)).toEqual(["job init", "web container"]);
    waits([waiting()]);
    report([pullOf([layerOf(1, 20)])]);
    expect(pulls()[0]?.pods.map(({ podName }) => podName)).toEqual(["web"]);
    waits([]);
    report([pullOf([layerOf(1, 30)])]);
    expect(pulls()[0]?.pods).toEqual([]);
  });

  it("stay in it when it ends: whom it hit", () => {
    const { waits, report, pulls } = scene();
    waits([waiting()]);
    report([pullOf([layerOf(1, 10)])]);
    waits([]);
    report([
      pullOf([layerOf(1, 1_000, { phase: "done" })], { phase: "done", completedAt: new Date(noon).toISOString() }),
    ]);
    expect(pulls()).toMatchObject([{ phase: "done", pods: [{ podName: "web" }] }]);
  });

  it("give it its tag while containerd knows the digest only, and it keeps it", () => {
    const { waits, report, pulls } = scene();
    const nameless = pullOf([layerOf(1, 10)], {
      imageRef: `registry.example/team-a/shop@${digest}`,
      containerdNamespace: "k8s.io",
    });
    waits([waiting()]);
    report([nameless]);
    expect(pulls()).toMatchObject([{ imageRef: image, tenant: "team-a" }]);
    waits([]);
    report([nameless]);
    expect(pulls()).toMatchObject([{ imageRef: image }]);
  });

  it("are not guessed where several pulls or images could be meant, nor for pulls of other clients", () => {
    const { waits, report, pulls } = scene();
    const nameless = (id: string, hex: string, containerdNamespace = "k8s.io") =>
      pullOf([layerOf(1, 10)], {
        id,
        imageRef: `registry.example/team-a/shop@sha256:${hex.repeat(64)}`,
        containerdNamespace,
      });
    waits([waiting(), waiting({ podName: "two", image: image.replace("1.0", "2.0") })]);
    report([nameless("p1", "a"), nameless("p2", "b")]);
    expect(pulls().map(({ pods }) => pods.length)).toEqual([0, 0]);
    waits([waiting()]);
    report([nameless("p1", "a", "default")]);
    expect(pulls().find(({ containerdNamespace }) => containerdNamespace === "default")?.pods).toEqual([]);
  });
});

describe("an image that nobody pulls", () => {
  it("is a row once it waits for some seconds, and says behind how many pulls", () => {
    const { waits, report, pulls, pass, events } = scene();
    const other = pullOf([layerOf(1, 10)], { imageRef: "registry.example:5000/team-b/big:1" });
    report([other]);
    waits([waiting({ asked: true })]);
    expect(pulls().length).toBe(1);
    pass(2 * second);
    report([other]);
    pass(second);
    const row = pulls().find(({ phase }) => phase === "waiting");
    expect(row).toMatchObject({
      imageRef: image,
      tenant: "team-a",
      pods: [{ podName: "web" }],
      waitsFor: { kind: "queue", pullsAhead: 1 },
    });
    expect(row?.waitsFor?.sentence).toMatch(/^kubelet has asked for it; 1 pull of this node is before it/);
    expect(row?.cause).toEqual({
      kind: "queue",
      sentence: "kubelet pulls one image after the other, and 1 pull of this node goes first, 990 B still to come.",
    });
    expect(events().slice(-1)).toEqual(["pull.started waiting"]);
    // What is still to come changes without an event.
    report([{ ...other, layers: [layerOf(1, 500)] }]);
    expect(pulls().find(({ phase }) => phase === "waiting")?.cause?.sentence).toContain("500 B still to come");
    expect(events().filter((type) => type.endsWith(" waiting"))).toEqual(["pull.started waiting"]);
    // Kubelet has not come to it: that the other pulls hold it back is not known.
    waits([waiting({ asked: false })]);
    expect(pulls().find(({ phase }) => phase === "waiting")?.cause).toBeUndefined();
  });

  it.each([
    [{ asked: false }, true, "not-begun", /has not come to this image/],
    [{ asked: true }, true, "not-begun", /no byte has come yet/],
    [{ asked: false }, false, "not-begun", /No agent reports from node-1/],
    [{ asked: true }, false, "not-begun", /kubelet has asked for it, but no agent reports/],
  ])("says what is known: %j, agent %s", (more, agent, kind, sentence) => {
    const { waits, report, pulls, pass } = scene();
    waits([waiting(more)]);
    for (let seconds = 0; seconds < 4; seconds += 1) {
      if (agent) report([]);
      pass(second);
    }
    expect(pulls()[0]?.waitsFor).toMatchObject({ kind });
    expect(pulls()[0]?.waitsFor?.sentence).toMatch(sentence);
  });

  it("is none while init containers go first", () => {
    const { waits, pulls, pass } = scene();
    waits([waiting({ turn: false })]);
    pass(10 * second);
    expect(pulls()).toEqual([]);
  });

  it("goes on as the agent's pull under the same id, with one start and one end", () => {
    const { waits, report, pulls, pass, events, told } = scene();
    waits([waiting()]);
    pass(4 * second);
    const [row] = pulls();
    const started = pullOf([layerOf(1, 10)], { startedAt: new Date(noon + 4 * second).toISOString() });
    report([started]);
    expect(pulls()).toMatchObject([{ id: row?.id, phase: "downloading", pods: [{ podName: "web" }] }]);
    expect(pulls()[0]?.waitsFor).toBeUndefined();
    waits([], "has-image");
    const done = { ...started, phase: "done", completedAt: new Date(noon + 5 * second).toISOString() } as const;
    for (let times = 0; times < 3; times += 1) report([{ ...done, layers: [layerOf(1, 1_000, { phase: "done" })] }]);
    pass(5 * second);
    expect(pulls().map(({ id, phase }) => [id, phase])).toEqual([[row?.id, "done"]]);
    expect(events().filter((type) => type.startsWith("pull."))).toEqual([
      "pull.started waiting",
      "pull.progress downloading",
      "pull.completed done",
    ]);
    // For the metrics the pull begins when its work does.
    expect(
      told.filter(({ event }) => event.pull !== undefined).map(({ counted, begins }) => [counted, begins]),
    ).toEqual([
      [false, undefined],
      [true, true],
      [true, undefined],
    ]);
  });

  it("goes on as a pull that was over before the agent told of it", () => {
    const { waits, report, pulls, pass, events } = scene();
    waits([waiting()]);
    pass(4 * second);
    const [row] = pulls();
    const at = new Date(noon + 4 * second).toISOString();
    report([pullOf([layerOf(1, 1_000, { phase: "done" })], { phase: "done", startedAt: at, completedAt: at })]);
    expect(pulls()).toMatchObject([{ id: row?.id, phase: "done" }]);
    expect(events().filter((type) => type.startsWith("pull."))).toEqual([
      "pull.started waiting",
      "pull.progress resolving",
      "pull.completed done",
    ]);
  });

  it("is no row again while kubelet has not yet told that the pulled image is there", () => {
    const { waits, report, pulls, pass } = scene();
    waits([waiting()]);
    const at = new Date(noon).toISOString();
    report([pullOf([layerOf(1, 10)], { startedAt: at })]);
    pass(4 * second);
    report([pullOf([layerOf(1, 1_000, { phase: "done" })], { phase: "done", startedAt: at, completedAt: at })]);
    pass(9 * second);
    expect(pulls().map(({ phase }) => phase)).toEqual(["done"]);
    pass(2 * second);
    expect(pulls().map(({ phase }) => phase)).toEqual(["waiting", "done"]);
  });

  it("is done when the image is there without a pull, cancelled when nobody needs it any more", () => {
    for (const [how, phase] of [
      ["has-image", "done"],
      ["gone", "cancelled"],
    ] as const) {
      const { waits, pulls, pass, told } = scene();
      waits([waiting()]);
      pass(4 * second);
      waits([], how);
      expect(pulls()).toMatchObject([{ phase }]);
      expect(told.every(({ counted }) => !counted)).toBe(true);
      pass(601 * second);
      expect(pulls()).toEqual([]);
    }
  });
});

describe("an image that kubelet tries in vain", () => {
  it("is a failed row with cause, tries and next try, as long as pods need it", () => {
    const { waits, pulls, pass, events, told } = scene();
    waits([failing()]);
    expect(pulls()).toMatchObject([
      {
        phase: "failed",
        imageRef: image,
        failure: { code: "not-found" },
        attempts: 1,
        nextTryAt: new Date(noon + 16.25 * second).toISOString(),
        waitsFor: { kind: "back-off", sentence: "After one failed try kubelet waits about 10 s before the next." },
        pods: [{ podName: "web", reason: "ImagePullBackOff" }],
      },
    ]);
    expect(events()).toEqual(["pull.started resolving", "pull.failed failed"]);
    const [row] = pulls();
    pass(12 * second);
    waits([failing({ tries: 2, failedAt: noon + 11 * second })]);
    expect(pulls()).toMatchObject([
      { id: row?.id, attempts: 2, nextTryAt: new Date(noon + 37.25 * second).toISOString() },
    ]);
    // Two tries, two errors.
    expect(told.filter(({ event, counted }) => event.type === "pull.failed" && counted).length).toBe(2);
    // Longer than the history: pods still need it.
    pass(700 * second);
    expect(pulls()).toMatchObject([{ id: row?.id, phase: "failed", waitsFor: { kind: "back-off" } }]);
    expect(pulls()[0]?.nextTryAt).toBeUndefined();
    waits([], "gone");
    expect(pulls()).toMatchObject([{ id: row?.id, phase: "failed", pods: [] }]);
    expect(pulls()[0]?.waitsFor).toBeUndefined();
    pass(601 * second);
    expect(pulls()).toEqual([]);
  });

  it("is tried next by the pod whose back-off ends first", () => {
    const { waits, pulls } = scene();
    waits([failing({ tries: 4 }), failing({ podName: "b", podUid: "b", tries: 1, failedAt: noon - 5 * second })]);
    expect(pulls()).toMatchObject([{ attempts: 4, nextTryAt: new Date(noon + 11.25 * second).toISOString() }]);
  });

  it.each([
    ["InvalidImageName", /cannot read the image's name/],
    ["ErrImageNeverPull", /forbids to pull it/],
  ])("has no next try with %s", (reason, sentence) => {
    const { waits, pulls } = scene();
    waits([failing({ reason, image: reason === "InvalidImageName" ? "not A name" : image })]);
    expect(pulls()[0]).toMatchObject({ phase: "failed", waitsFor: { kind: "never" } });
    expect(pulls()[0]?.waitsFor?.sentence).toMatch(sentence);
    expect(pulls()[0]?.nextTryAt).toBeUndefined();
  });

  it("is the agent's failed pull when an agent saw the same try: one row, one error", () => {
    const { waits, report, pulls, pass, told } = scene();
    report([]);
    const at = new Date(noon).toISOString();
    waits([failing()]);
    expect(pulls()).toEqual([]);
    const broken = pullOf([layerOf(1, 500)], { phase: "failed", completedAt: at, error: "connection reset" });
    report([broken]);
    pass(3 * second);
    expect(pulls()).toMatchObject([{ phase: "failed", attempts: 1, layerCount: 1, pods: [{ podName: "web" }] }]);
    expect(told.filter(({ event, counted }) => event.type === "pull.failed" && counted).length).toBe(1);
    expect(told.filter(({ event }) => event.type === "pull.started").length).toBe(1);
    waits([], "has-image");
    expect(pulls().length).toBe(1);
    expect(pulls()[0]?.waitsFor).toBeUndefined();
    // What kubelet said stays when the row is gone.
    expect(pulls()[0]?.failure).toMatchObject({ code: "not-found" });
  });

  it("waits for a rate limit, and so does the next try while nothing comes", () => {
    const { waits, report, pulls, pass } = scene();
    report([]);
    const limited = `Failed to pull image "${image}": unexpected status from HEAD request to https://registry.example:5000/v2/team-a/shop/manifests/1.0: 429 Too Many Requests, retry-after: 120`;
    waits([failing({ message: limited })]);
    pass(3 * second);
    expect(pulls()).toMatchObject([
      {
        phase: "failed",
        failure: { code: "rate-limited", retryAt: new Date(noon + 120 * second).toISOString() },
        cause: {
          kind: "rate-limit",
          sentence: expect.stringMatching(
            /\(429\); 1 try came to nothing, requests are taken again at 12:02:00 UTC, kubelet tries again about 12:00:16 UTC\.$/,
          ) as string,
        },
      },
    ]);
    const again = pullOf([], { phase: "resolving", startedAt: new Date(noon + 10 * second).toISOString() });
    report([again]);
    pass(7 * second);
    report([again]);
    pass(6 * second);
    report([again]);
    expect(pulls()[0]).toMatchObject({ phase: "resolving", cause: { kind: "rate-limit" } });
    // The try before is a failed pull like any other now.
    expect(pulls()[1]).toMatchObject({ phase: "failed", failure: { code: "rate-limited" } });
    expect(pulls()[1]?.cause).toBeUndefined();
  });

  it("gives its pods to the next try when an agent sees it, and stays in the history", () => {
    const { waits, report, pulls, pass } = scene();
    waits([failing()]);
    pass(11 * second);
    report([pullOf([layerOf(1, 10)], { startedAt: new Date(noon + 11 * second).toISOString() })]);
    expect(pulls().map(({ phase, pods }) => [phase, pods.length])).toEqual([
      ["downloading", 1],
      ["failed", 0],
    ]);
  });
});

describe("GET /api/v1/pods/waiting", () => {
  it("has every waiting pod once, those that wait longest first", () => {
    const { waits, report, pulls } = scene();
    waits([waiting({ podName: "late", since: noon }), failing({ podName: "old", image: "nginx:9", since: noon - 9 })]);
    report([pullOf([layerOf(1, 10)])]);
    expect(waitingPodsOf(pulls()).map(({ podName, phase, nodeName }) => [podName, phase, nodeName])).toEqual([
      ["old", "failed", "node-1"],
      ["late", "downloading", "node-1"],
    ]);
  });
});

describe("a reader who is bound to a tenant", () => {
  const bound = readerFilter(
    { kind: "user", subject: "u", roles: ["readOnly"], tenant: "team-a" } as unknown as Parameters<
      typeof readerFilter
    >[0],
    {},
  );
  it("sees the pods of its own namespaces, and learns nothing of others by a filter", () => {
    const { waits, report, board } = scene();
    const own = waiting({ namespace: "team-a-apps", podName: "own" });
    waits([own, waiting({ namespace: "team-b-apps" }), waiting({ namespace: "team-a-apps-x" })]);
    report([pullOf([layerOf(1, 10)])]);
    expect(board.pulls(bound)[0]?.pods.map(({ podName }) => podName)).toEqual(["own"]);
    expect(board.page(bound, 10).rows[0]?.pods.map(({ podName }) => podName)).toEqual(["own"]);
    expect(board.pulls({ ...bound, namespace: "team-a-apps" }).length).toBe(1);
    expect(board.pulls({ ...bound, namespace: "team-b-apps" })).toEqual([]);
    expect(board.pulls({ namespace: "team-b-apps" }).length).toBe(1);
  });

  it("sees no row of another tenant's image", () => {
    const { waits, board } = scene();
    waits([failing({ namespace: "team-a-apps", image: "registry.example/team-b/x:1" })]);
    expect(board.pulls({}).length).toBe(1);
    expect(board.pulls(bound)).toEqual([]);
    expect(board.page(bound, 10).summary.failedPulls).toBe(0);
  });
});
