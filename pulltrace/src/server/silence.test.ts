import { describe, expect, it } from "vitest";
import { mergeReport, type MergeOptions } from "./merge.ts";
import type { NodeState } from "./node.ts";
import { sweepNode } from "./silence.ts";
import { layerOf, noon, pullOf, reportOf } from "./testing/reports.ts";

const options: MergeOptions = {
  tenantOf: () => undefined,
  room: { pulls: 100, layers: 100 },
  pullsPerNode: 100,
  layersPerNode: 100,
};
const ttl = 600_000;

function busyNode(reportIntervalMs = 1_000): NodeState {
  const first = mergeReport(undefined, reportOf([pullOf([layerOf(1, 0)])], { reportIntervalMs }), noon, options).node;
  return mergeReport(first, reportOf([pullOf([layerOf(1, 500)])], { reportIntervalMs }), noon + 1_000, options).node;
}
const sweep = (node: NodeState, elapsedMs: number, now: number, historyTtlMs = ttl) =>
  sweepNode(node, elapsedMs, now, historyTtlMs);
const typesOf = (result: ReturnType<typeof sweepNode>) => result.emissions.map(({ event }) => event.type);

describe("a node that stops reporting", () => {
  it("is silent after five seconds; its pulls lose speed and time left, once", () => {
    const within = sweep(busyNode(), 5_000, noon + 6_000);
    expect([within.node?.reporting, within.emissions.length]).toEqual([true, 0]);
    const silent = sweep(within.node!, 1_000, noon + 7_000);
    expect(silent.node?.reporting).toBe(false);
    expect(typesOf(silent)).toEqual(["layer.progress", "pull.progress"]);
    expect(silent.emissions[1]?.event.pull).toMatchObject({
      bytesPerSec: 0,
      etaSeconds: -1,
      percent: 50,
      phase: "downloading",
    });
    expect(typesOf(sweep(silent.node!, 1_000, noon + 8_000))).toEqual([]);
  });

  it("is silent after three intervals when it reports seldom", () => {
    const slow = sweep(busyNode(30_000), 89_000, noon + 90_000);
    expect(slow.node?.reporting).toBe(true);
    expect(sweep(slow.node!, 2_000, noon + 92_000).node?.reporting).toBe(false);
  });

  it("loses its pulls after two minutes with the reason that the node stopped reporting, once", () => {
    const late = sweep(busyNode(), 120_000, noon + 121_000);
    expect(late.node?.running.size).toBe(1);
    const failed = sweep(late.node!, 1_000, noon + 122_000);
    expect(typesOf(failed)).toEqual(["pull.failed"]);
    expect(failed.emissions[0]?.event.pull).toMatchObject({
      error: "node stopped reporting",
      phase: "failed",
      percent: 50,
      completedAt: new Date(noon + 122_000).toISOString(),
    });
    expect(typesOf(sweep(failed.node!, 1_000, noon + 123_000))).toEqual([]);
  });

  it("takes a report for a sign of life", () => {
    const silent = sweep(busyNode(), 100_000, noon + 101_000).node!;
    const back = mergeReport(silent, reportOf([pullOf([layerOf(1, 600)])]), noon + 102_000, options);
    expect(back.node).toMatchObject({ reporting: true, silentMs: 0 });
    expect(sweep(back.node, 100_000, noon + 103_000).node?.running.size).toBe(1);
  });

  it("a pull that proves alive after it was given up is told as another one, with one end each", () => {
    const failed = sweep(busyNode(), 130_000, noon + 131_000);
    const back = mergeReport(failed.node, reportOf([pullOf([layerOf(1, 900)])]), noon + 200_000, options);
    expect(back.emissions.map(({ event }) => event.type)).toEqual(["pull.started", "layer.started"]);
    expect(back.emissions[0]?.event.pull?.id).not.toBe(failed.emissions.at(-1)?.event.pull?.id);
    const end = mergeReport(
      back.node,
      reportOf([pullOf([layerOf(1, 1_000)], { phase: "done" })]),
      noon + 201_000,
      options,
    );
    expect(end.emissions.map(({ event }) => event.type)).toEqual(["layer.completed", "pull.completed"]);
  });

  it("is forgotten in the end, and not while something of it is to be seen", () => {
    const failed = sweep(busyNode(), 130_000, noon + 131_000).node!;
    expect(sweep(failed, ttl, noon + 132_000).node).toBeDefined();
    expect(sweep(failed, ttl, noon + 131_000 + ttl).node).toBeUndefined();
  });
});

describe("history", () => {
  const done = reportOf([pullOf([layerOf(1, 1_000)], { phase: "done" })]);

  it("forgets a finished pull after its time", () => {
    const over = mergeReport(
      mergeReport(busyNode(), done, noon + 2_000, options).node,
      reportOf([]),
      noon + 3_000,
      options,
    ).node;
    expect(sweep(over, 1_000, noon + 2_000 + ttl - 1).node?.finished.size).toBe(1);
    expect(sweep(over, 1_000, noon + 2_000 + ttl).node?.finished.size).toBe(0);
    expect(sweep(over, 1_000, noon + 2_000 + ttl).node?.finishedLayers).toBe(0);
  });

  it("does not forget an end that the agent still reports: it would be told again", () => {
    const over = mergeReport(busyNode(), done, noon + 2_000, options).node;
    const later = sweep(over, 1_000, noon + 10 * ttl);
    expect(later.node?.finished.size).toBe(1);
    expect(mergeReport(later.node, done, noon + 10 * ttl, options).emissions).toEqual([]);
  });
});
