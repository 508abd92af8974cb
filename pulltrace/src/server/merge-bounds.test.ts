import { describe, expect, it } from "vitest";
import type { PullEvent } from "../contract/index.ts";
import { node, only, typesOf } from "./testing/node-turns.ts";
import { layerOf, noon, pullOf } from "./testing/reports.ts";

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
