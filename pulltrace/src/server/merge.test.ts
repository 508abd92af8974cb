import { describe, expect, it } from "vitest";
import { mergeReport } from "./merge.ts";
import { mergeOptions, node, only, pullIn, typesOf } from "./testing/node-turns.ts";
import { digestOf, layerOf, noon, olderPullOf, pullOf, reportOf } from "./testing/reports.ts";

describe("mergeReport", () => {
  it("changes nothing in the state that it was given", () => {
    const first = mergeReport(undefined, reportOf([pullOf([layerOf(1, 10)])]), noon, mergeOptions).node;
    const copy = structuredClone(first);
    mergeReport(first, reportOf([pullOf([layerOf(1, 500), layerOf(2, 5)])]), noon + 1_000, mergeOptions);
    mergeReport(first, reportOf([]), noon + 1_000, mergeOptions);
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
      only(mergeReport(undefined, reportOf([pullOf([])], { nodeName }), noon, mergeOptions)).id;
    expect(idOn("a")).not.toBe(idOn("b"));
    expect(idOn("a")).toBe(idOn("a"));
    const older = (startedAt: string) =>
      only(mergeReport(undefined, reportOf([olderPullOf([], { startedAt })]), noon, mergeOptions)).id;
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
