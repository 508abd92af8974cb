import { describe, expect, it } from "vitest";
import type { AgentReport, LayerStatus, PullEvent, PullStatus } from "../contract/index.ts";
import { mergeReport, type MergeOptions, type MergeResult } from "./merge.ts";
import type { NodeState } from "./node.ts";
import { digestOf, layerOf, noon, olderLayerOf, olderPullOf, pullOf, reportOf } from "./testing/reports.ts";

const options: MergeOptions = {
  tenantOf: () => undefined,
  room: { pulls: 100, layers: 1_000 },
  pullsPerNode: 20,
  layersPerNode: 100,
};

/** A node that gets a report each second. The first, empty one is where counting begins. */
function node(more: Partial<MergeOptions> = {}) {
  let state: NodeState | undefined;
  let now = noon;
  const take = (report: AgentReport, afterMs = 1_000): MergeResult => {
    now += afterMs;
    const result = mergeReport(state, report, now, { ...options, ...more });
    state = result.node;
    return result;
  };
  return { take, reports: (...pulls: Parameters<typeof reportOf>[0]) => take(reportOf(pulls)), now: () => now };
}
const typesOf = (result: MergeResult): readonly string[] => result.emissions.map(({ event }) => event.type);
const pullIn = (result: MergeResult, type: string): PullStatus =>
  result.emissions.find(({ event }) => event.type === type)!.event.pull!;
const layerIn = (result: MergeResult, type: string): LayerStatus =>
  result.emissions.find(({ event }) => event.type === type)!.event.layer!;
const only = (result: MergeResult): PullStatus => [...result.node.running.values()][0]!.status;

describe("mergeReport", () => {
  it("changes nothing in the state that it was given", () => {
    const first = mergeReport(undefined, reportOf([pullOf([layerOf(1, 10)])]), noon, options).node;
    const copy = structuredClone(first);
    mergeReport(first, reportOf([pullOf([layerOf(1, 500), layerOf(2, 5)])]), noon + 1_000, options);
    mergeReport(first, reportOf([]), noon + 1_000, options);
    expect(first).toEqual(copy);
  });

  it("tells why a pull failed where the agent's words have the cause, and nothing where they have none", () => {
    const ended = (error: string | undefined, phase: "failed" | "cancelled" = "failed") => {
      const on = node();
      return pullIn(on.reports(pullOf([], { phase, ...(error === undefined ? {} : { error }) })), "pull.failed");
    };
    expect(ended("429 Too Many Requests, retry-after: 30").failure).toMatchObject({
      code: "rate-limited",
      retryAt: new Date(noon + 31_000).toISOString(),
    });
    expect(ended("containerd was restarted after 2.0 of 4.0 MiB").failure?.code).toBe("connection");
    expect(ended(undefined, "cancelled").failure?.code).toBe("cancelled");
    for (const silent of [ended(undefined), ended("The pull was given up after 2.0 of 4.0 MiB: look at the log.")]) {
      expect(silent.error).not.toBe("");
      expect(silent.failure).toBeUndefined();
    }
  });

  it("tells the start of a pull once, with what is known then", () => {
    const on = node();
    const first = on.reports(pullOf([layerOf(1, 0), layerOf(2, 1_000, { phase: "cached", cached: true })]));
    expect(typesOf(first)).toEqual(["pull.started", "layer.completed"]);
    expect(pullIn(first, "pull.started")).toMatchObject({
      nodeName: "node-1",
      imageRef: "registry.example:5000/team-a/shop:1.0",
      phase: "downloading",
      totalBytes: 2_000,
      downloadedBytes: 1_000,
      cachedBytes: 1_000,
      percent: 50,
      layerCount: 2,
      layersDone: 1,
      bytesPerSec: 0,
      etaSeconds: -1,
      totalKnown: true,
      startedAt: new Date(noon - 1_000).toISOString(),
    });
    expect(typesOf(on.reports(pullOf([layerOf(1, 0), layerOf(2, 1_000, { phase: "cached", cached: true })])))).toEqual(
      [],
    );
  });

  it("measures speed and time left of the layer and the pull, cached bytes left out", () => {
    const on = node();
    on.reports(pullOf([layerOf(1, 0), layerOf(2, 1_000, { phase: "cached" })]));
    const result = on.reports(pullOf([layerOf(1, 200), layerOf(2, 1_000, { phase: "cached" })]));
    expect(typesOf(result)).toEqual(["layer.started", "pull.progress"]);
    expect(layerIn(result, "layer.started")).toMatchObject({
      bytesPerSec: 200,
      percent: 20,
      phase: "downloading",
      cached: false,
    });
    expect(pullIn(result, "pull.progress")).toMatchObject({ bytesPerSec: 200, etaSeconds: 4, percent: 60 });
  });

  it("lets speed sink to zero when no byte comes any more, tells that, and then is silent", () => {
    const on = node();
    on.reports(pullOf([layerOf(1, 0)]));
    on.reports(pullOf([layerOf(1, 500)]));
    const speeds: number[] = [];
    const told: number[] = [];
    for (let second = 0; second < 9; second += 1) {
      const result = on.reports(pullOf([layerOf(1, 500)]));
      speeds.push(only(result).bytesPerSec);
      told.push(result.emissions.length);
    }
    expect(speeds).toEqual([250, 167, 125, 100, 0, 0, 0, 0, 0]);
    expect(told).toEqual([2, 2, 2, 2, 2, 0, 0, 0, 0]);
    expect(only(on.reports(pullOf([layerOf(1, 500)]))).etaSeconds).toBe(-1);
  });

  it("never lets percent fall when a download begins again, and tells the bytes as they are", () => {
    const on = node();
    on.reports(pullOf([layerOf(1, 800)]));
    const again = only(on.reports(pullOf([layerOf(1, 100)])));
    expect(again).toMatchObject({ percent: 80, downloadedBytes: 100, bytesPerSec: 0 });
    expect(only(on.reports(pullOf([layerOf(1, 300)])))).toMatchObject({ percent: 80, downloadedBytes: 300 });
  });

  it("shows 99.9 and not 100 while all bytes are there and the pull is not done", () => {
    const on = node();
    const unpacking = only(on.reports(pullOf([layerOf(1, 1_000, { phase: "unpacking" })], { phase: "unpacking" })));
    expect(unpacking).toMatchObject({ percent: 99.9, phase: "unpacking", etaSeconds: -1, layersDone: 0 });
    expect(unpacking.layers[0]).toMatchObject({ percent: 99.9, phase: "unpacking" });
  });

  it("knows no percent and no time left while a total is unknown, and does not fall when it becomes known", () => {
    const on = node();
    const unknown = layerOf(2, 700, { totalBytes: 0, totalKnown: false });
    const first = only(on.reports(pullOf([layerOf(1, 900), unknown])));
    expect(first).toMatchObject({
      totalKnown: false,
      percent: 0,
      etaSeconds: -1,
      totalBytes: 1_000,
      downloadedBytes: 1_600,
    });
    expect(only(on.reports(pullOf([layerOf(1, 900), layerOf(2, 700)])))).toMatchObject({
      totalKnown: true,
      percent: 80,
    });
    expect(only(on.reports(pullOf([layerOf(1, 900), unknown]))).percent).toBe(80);
  });

  it("takes a known total of zero for an unknown one", () => {
    expect(only(node().reports(pullOf([layerOf(1, 0, { totalBytes: 0 })])))).toMatchObject({
      totalKnown: false,
      percent: 0,
    });
  });

  it("tells the end once, however long the agent repeats it, and says in it what a reader needs", () => {
    const on = node();
    on.reports(pullOf([layerOf(1, 400), layerOf(2, 0)]));
    const done = pullOf([layerOf(1, 1_000, { phase: "done" }), layerOf(2, 1_000, { phase: "done" })], {
      phase: "done",
      completedAt: new Date(noon + 1_500).toISOString(),
    });
    const end = on.reports(done);
    expect(typesOf(end)).toEqual(["layer.completed", "layer.started", "layer.completed", "pull.completed"]);
    expect(pullIn(end, "pull.completed")).toMatchObject({
      percent: 100,
      phase: "done",
      completedAt: new Date(noon + 1_500).toISOString(),
      etaSeconds: 0,
    });
    expect(typesOf(on.reports(done))).toEqual([]);
    expect(typesOf(on.reports())).toEqual([]);
    expect(typesOf(on.reports(pullOf([layerOf(1, 5)])))).toEqual([]);
  });

  it("a done pull is done in each layer, also in one whose last bytes no report showed", () => {
    const on = node();
    on.reports(pullOf([layerOf(1, 400)]));
    const end = on.reports(pullOf([layerOf(1, 400)], { phase: "done" }));
    expect(typesOf(end)).toEqual(["layer.completed", "pull.completed"]);
    expect(pullIn(end, "pull.completed")).toMatchObject({ downloadedBytes: 1_000, layersDone: 1 });
  });

  it.each([["failed"], ["cancelled"]] as const)(
    "a %s pull is pull.failed with a sentence, and keeps its percent",
    (phase) => {
      const on = node();
      on.reports(pullOf([layerOf(1, 400)]));
      const end = on.reports(pullOf([layerOf(1, 400)], { phase, error: "connection reset by peer" }));
      expect(typesOf(end)).toContain("pull.failed");
      expect(pullIn(end, "pull.failed")).toMatchObject({
        phase,
        percent: 40,
        error: "connection reset by peer",
        etaSeconds: -1,
        bytesPerSec: 0,
      });
      const silent = node().reports(pullOf([], { phase }));
      expect(pullIn(silent, "pull.failed").error).toMatch(/\w+ \w+/);
    },
  );

  it("two pulls that share a layer both show it, and its bytes count once", () => {
    const on = node();
    on.reports();
    on.reports(pullOf([layerOf(1, 0)]), pullOf([layerOf(1, 0), layerOf(2, 0)], { id: "p2" }));
    const result = on.reports(pullOf([layerOf(1, 600)]), pullOf([layerOf(1, 600), layerOf(2, 50)], { id: "p2" }));
    expect([...result.node.running.values()].map(({ status }) => status.downloadedBytes)).toEqual([600, 650]);
    expect(result.arrivedBytes).toBe(650);
  });

  it("counts a layer that came while another pull waited for it once", () => {
    const on = node();
    on.reports();
    const counted = [
      on.reports(pullOf([layerOf(1, 0)]), pullOf([layerOf(1, 0)], { id: "p2" })),
      on.reports(pullOf([layerOf(1, 900)]), pullOf([layerOf(1, 0)], { id: "p2" })),
      on.reports(
        pullOf([layerOf(1, 1_000, { phase: "downloaded" })]),
        pullOf([layerOf(1, 1_000, { phase: "downloaded" })], { id: "p2" }),
      ),
    ];
    expect(counted.map(({ arrivedBytes }) => arrivedBytes)).toEqual([0, 900, 100]);
  });

  it("counting begins with a node's first report: what it brings belongs to the past", () => {
    const first = node().reports(pullOf([layerOf(1, 600)]), pullOf([], { id: "over", phase: "done" }));
    expect(first.arrivedBytes).toBe(0);
    const counted = first.emissions.map(({ event, counted }) => [event.type, event.pull?.phase, counted]);
    expect(counted).toEqual([
      ["pull.started", "downloading", true],
      ["layer.started", undefined, true],
      ["pull.started", "done", false],
      ["pull.completed", "done", false],
    ]);
  });

  it("a recording is marked in the pull and counted nowhere", () => {
    const on = node();
    on.take(reportOf([], { recording: true }));
    const first = on.take(reportOf([pullOf([layerOf(1, 0)])], { recording: true }));
    expect(pullIn(first, "pull.started").recording).toBe(true);
    const next = on.take(reportOf([pullOf([layerOf(1, 900)])], { recording: true }));
    expect(next.arrivedBytes).toBe(0);
    expect([...first.emissions, ...next.emissions].every(({ counted }) => !counted)).toBe(true);
  });

  it("layers of a manifest keep their order, and one that the agent drops leaves the pull without a second start later", () => {
    const on = node();
    on.reports(pullOf([layerOf(3, 0), layerOf(1, 10), layerOf(2, 0)]));
    const shown = only(on.reports(pullOf([layerOf(2, 0), layerOf(3, 0)])));
    expect(shown.layers.map(({ digest }) => digest)).toEqual([digestOf(2), digestOf(3)]);
    expect(typesOf(on.reports(pullOf([layerOf(2, 0), layerOf(3, 0), layerOf(1, 20)])))).not.toContain("layer.started");
  });

  it("a layer that was complete stays so, whatever is reported afterwards", () => {
    const on = node();
    on.reports(pullOf([layerOf(1, 1_000, { phase: "done" }), layerOf(2, 0)]));
    const result = on.reports(pullOf([layerOf(1, 3), layerOf(2, 0)]));
    expect(typesOf(result)).toEqual([]);
    expect(only(result).layers[0]).toMatchObject({ percent: 100, phase: "done", downloadedBytes: 1_000 });
  });

  it("the tag and the tenant come in as soon as they are known, and are told", () => {
    const on = node({ tenantOf: (ref) => (ref.includes(":1.0") ? "team-a" : undefined) });
    on.reports(pullOf([layerOf(1, 0)], { imageRef: `registry.example/team-a/shop@${digestOf(7)}` }));
    const named = on.reports(pullOf([layerOf(1, 0)], { manifestDigest: digestOf(7) }));
    expect(typesOf(named)).toEqual(["pull.progress"]);
    expect(named.emissions[0]?.tenant).toBe("team-a");
    expect(only(named)).toMatchObject({ tenant: "team-a", manifestDigest: digestOf(7) });
  });

  it("ids differ between nodes and stay when the server starts anew", () => {
    const idOn = (nodeName: string) =>
      only(mergeReport(undefined, reportOf([pullOf([])], { nodeName }), noon, options)).id;
    expect(idOn("a")).not.toBe(idOn("b"));
    expect(idOn("a")).toBe(idOn("a"));
    const older = (startedAt: string) =>
      only(mergeReport(undefined, reportOf([olderPullOf([], { startedAt })]), noon, options)).id;
    expect(older("2026-11-21T11:00:00Z")).not.toBe(older("2026-11-21T11:00:01Z"));
  });

  it("an agent whose clock is an hour ahead, then jumps back, changes no start and makes nothing negative", () => {
    const on = node();
    const hour = 3_600_000;
    const stamp = (offset: number) => new Date(on.now() + offset).toISOString();
    const first = only(
      on.take(reportOf([pullOf([layerOf(1, 0)], { startedAt: stamp(hour - 4_000) })], { timestamp: stamp(hour) })),
    );
    expect(Math.abs(Date.parse(first.startedAt) - (noon - 4_000))).toBeLessThanOrEqual(1_000);
    const later = only(
      on.take(reportOf([pullOf([layerOf(1, 300)], { startedAt: stamp(-4_000) })], { timestamp: stamp(-30 * hour) })),
    );
    expect(later.startedAt).toBe(first.startedAt);
    expect(later.bytesPerSec).toBe(300);
    const end = on.take(reportOf([pullOf([], { phase: "done", completedAt: "1970-01-01T00:00:00Z" })]));
    const done = pullIn(end, "pull.completed");
    expect(Date.parse(done.completedAt!)).toBeGreaterThanOrEqual(Date.parse(done.startedAt));
  });

  it("a server clock that goes backwards makes no negative speed and no end before the start", () => {
    const on = node();
    on.reports(pullOf([layerOf(1, 0)]));
    const back = only(on.take(reportOf([pullOf([layerOf(1, 500)])]), -3_600_000));
    expect(back.bytesPerSec).toBe(0);
    const done = pullIn(on.reports(pullOf([layerOf(1, 1_000)], { phase: "done" })), "pull.completed");
    expect(done.completedAt! >= done.startedAt).toBe(true);
  });
});

describe("an older agent", () => {
  it("gets its phases derived", () => {
    const on = node();
    expect(only(on.reports(olderPullOf([]))).phase).toBe("resolving");
    const part = only(on.reports(olderPullOf([olderLayerOf(1, 0), olderLayerOf(2, 30), olderLayerOf(3, 1_000)])));
    expect(part.phase).toBe("downloading");
    expect(part.layers.map(({ phase }) => phase)).toEqual(["waiting", "downloading", "done"]);
    expect(only(on.reports(olderPullOf([1, 2, 3].map((n) => olderLayerOf(n, 1_000))))).phase).toBe("unpacking");
  });

  it("lists only what downloads now: a layer gone from two reports is done", () => {
    const on = node();
    on.reports(olderPullOf([olderLayerOf(1, 900), olderLayerOf(2, 10)]));
    expect(only(on.reports(olderPullOf([olderLayerOf(2, 20)]))).layers.map(({ phase }) => phase)).toEqual([
      "downloading",
      "downloading",
    ]);
    const second = on.reports(olderPullOf([olderLayerOf(2, 30)]));
    expect(typesOf(second)).toEqual(["layer.completed", "layer.progress", "pull.progress"]);
    expect(only(second).layers.map(({ phase }) => phase)).toEqual(["done", "downloading"]);
  });

  it("its pull is complete when two reports are without it, and not on one that merely missed it", () => {
    const on = node();
    on.reports(olderPullOf([olderLayerOf(1, 0)]));
    on.reports(olderPullOf([olderLayerOf(1, 800)]));
    expect(typesOf(on.reports())).toEqual(["layer.progress", "pull.progress"]);
    on.reports(olderPullOf([olderLayerOf(1, 900)]));
    on.reports();
    const end = on.reports();
    expect(typesOf(end)).toEqual(["layer.completed", "pull.completed"]);
    expect(pullIn(end, "pull.completed")).toMatchObject({ percent: 100, downloadedBytes: 1_000 });
    expect(typesOf(on.reports())).toEqual([]);
  });

  it("its pull failed when the missing bytes cannot have come in the meantime", () => {
    const on = node();
    const large = (downloaded: number) => olderPullOf([{ ...olderLayerOf(1, downloaded), totalBytes: 1_000_000 }]);
    on.reports(large(0));
    on.reports(large(800));
    on.reports();
    const end = on.reports();
    expect(typesOf(end)).toEqual(["pull.failed"]);
    expect(pullIn(end, "pull.failed").error).toMatch(/vanished/);
  });

  it("a pull that comes back after its end was concluded is told as another one", () => {
    const on = node();
    const first = only(on.reports(olderPullOf([olderLayerOf(1, 0)]))).id;
    on.reports();
    expect(typesOf(on.reports())).toContain("pull.completed");
    const back = on.reports(olderPullOf([olderLayerOf(1, 100)]));
    expect(typesOf(back)).toContain("pull.started");
    expect(only(back).id).not.toBe(first);
  });
});

describe("a pull that a newer agent lost", () => {
  it("has five seconds to come back, without speed meanwhile, and then failed with an honest reason", () => {
    const on = node();
    on.reports(pullOf([layerOf(1, 0)]));
    on.reports(pullOf([layerOf(1, 100)]));
    const lost = [1, 2, 3, 4, 5, 6].map(() => on.reports());
    expect(lost.map(typesOf)).toEqual([["layer.progress", "pull.progress"], [], [], [], [], ["pull.failed"]]);
    expect(pullIn(lost[0]!, "pull.progress")).toMatchObject({ bytesPerSec: 0, etaSeconds: -1, percent: 10 });
    expect(pullIn(lost[5]!, "pull.failed").error).toMatch(/no longer sees/);
  });

  it("goes on where it was when it comes back in time", () => {
    const on = node();
    const { id } = only(on.reports(pullOf([layerOf(1, 100)])));
    on.reports();
    on.reports();
    const back = on.reports(pullOf([layerOf(1, 400)]));
    expect(only(back)).toMatchObject({ id, percent: 40 });
    expect(typesOf(back)).toEqual(["layer.progress", "pull.progress"]);
  });

  it("goes on after its agent was away for a minute and then needs some reports to find it", () => {
    const on = node();
    const { id } = only(on.reports(pullOf([layerOf(1, 100)])));
    on.take(reportOf([]), 60_000);
    for (let reports = 0; reports < 6; reports += 1) expect(typesOf(on.take(reportOf([]), 500))).toEqual([]);
    expect(only(on.reports(pullOf([layerOf(1, 400)])))).toMatchObject({ id, percent: 40 });
  });

  it("is done when every layer was", () => {
    const on = node();
    on.reports(pullOf([layerOf(1, 1_000, { phase: "done" })], { phase: "unpacking" }));
    const ends = [1, 2, 3, 4, 5, 6].flatMap(() => [...typesOf(on.reports())]);
    expect(ends.at(-1)).toBe("pull.completed");
  });
});

describe("bounds of one node", () => {
  const many = (prefix: string, count: number, phase: "done" | "downloading") =>
    Array.from({ length: count }, (_, index) => pullOf([], { id: `${prefix}${index}`, phase }));

  it("the oldest history makes room for what is new, and that is counted", () => {
    const on = node();
    on.reports(...many("old", 15, "done"));
    on.reports();
    const result = on.reports(...many("new", 10, "downloading"));
    expect(result.dropped).toEqual({ pulls: 0, layers: 0, history: 5 });
    expect([result.node.running.size, result.node.finished.size]).toEqual([10, 10]);
  });

  it("what does not fit is left out and counted, never told", () => {
    const result = node().reports(...many("p", 25, "downloading"));
    expect(result.dropped).toEqual({ pulls: 5, layers: 0, history: 0 });
    expect(typesOf(result)).toHaveLength(20);
    const full = node({ room: { pulls: 3, layers: 100 } }).reports(...many("p", 5, "downloading"));
    expect([full.dropped.pulls, full.node.running.size]).toEqual([2, 3]);
  });

  it("an end that the agent still reports is not forgotten, so that it is not told twice", () => {
    const on = node();
    on.reports(...many("p", 20, "done"));
    const again = on.reports(...many("p", 20, "done"), ...many("more", 5, "done"));
    expect(again.dropped).toEqual({ pulls: 5, layers: 0, history: 0 });
    expect(typesOf(again)).toEqual([]);
  });

  it("layers beyond the bound are left out, counted, and make the total unknown", () => {
    const result = node().reports(pullOf(Array.from({ length: 130 }, (_, index) => layerOf(index, 0))));
    expect(result.dropped.layers).toBe(30);
    expect(only(result)).toMatchObject({ layerCount: 100, totalKnown: false });
  });
});

it("every event says its node and time", () => {
  const events: PullEvent[] = node()
    .reports(pullOf([layerOf(1, 10)]))
    .emissions.map(({ event }) => event);
  expect(
    events.every(
      (event) =>
        event.schemaVersion === "v1" &&
        event.nodeName === "node-1" &&
        event.timestamp === new Date(noon + 1_000).toISOString(),
    ),
  ).toBe(true);
});
