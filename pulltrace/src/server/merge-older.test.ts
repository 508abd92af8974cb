import { describe, expect, it } from "vitest";
import { node, only, pullIn, typesOf } from "./testing/node-turns.ts";
import { layerOf, olderLayerOf, olderPullOf, pullOf, reportOf } from "./testing/reports.ts";

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
