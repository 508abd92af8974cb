import { describe, expect, it } from "vitest";
import { layerIn, node, only, pullIn, typesOf } from "./testing/node-turns.ts";
import { layerOf, pullOf } from "./testing/reports.ts";

describe("the figures of a pull", () => {
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

  it("a layer that waited has its speed from its first bytes on, not spread over the time that it waited", () => {
    const on = node();
    for (let second = 0; second < 4; second += 1) on.reports(pullOf([layerOf(1, 0)]));
    const result = on.reports(pullOf([layerOf(1, 200)]));
    expect(layerIn(result, "layer.started")).toMatchObject({ bytesPerSec: 200, downloadedBytes: 200 });
    const next = on.reports(pullOf([layerOf(1, 300)]));
    expect(layerIn(next, "layer.progress")).toMatchObject({ bytesPerSec: 150, percent: 30, phase: "downloading" });
  });
});
