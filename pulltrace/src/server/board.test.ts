import { describe, expect, it } from "vitest";
import { createBoard } from "./board.ts";
import { defaultLimits, type ServerLimits } from "./limits.ts";
import { layerOf, noon, pullOf, reportOf } from "./testing/reports.ts";

function boardWith(limits: Partial<ServerLimits> = {}, historyTtlMs = 600_000) {
  let now = noon;
  const told: string[] = [];
  const dropped = { pulls: 0, layers: 0, history: 0, nodes: 0 };
  const board = createBoard({
    historyTtlMs,
    tenantOf: () => undefined,
    limits: { ...defaultLimits, ...limits },
    clock: () => now,
    listener: {
      emitted: (emissions) =>
        told.push(...emissions.map(({ event }) => `${event.type} ${event.nodeName} ${event.pull?.imageRef ?? ""}`)),
      arrived: () => {},
      dropped(what) {
        for (const kind of ["pulls", "layers", "history", "nodes"] as const) dropped[kind] += what[kind];
      },
    },
  });
  const pass = (milliseconds: number): void => {
    now += milliseconds;
    board.sweep(milliseconds);
  };
  return { board, told, dropped, pass };
}
const pulls = (count: number, phase: "done" | "downloading", prefix = "p") =>
  Array.from({ length: count }, (_, index) =>
    pullOf([layerOf(1, 1)], { id: `${prefix}${index}`, imageRef: `${prefix}${index}`, phase }),
  );

describe("the board", () => {
  it("keeps no more pulls than its bound over all nodes: the oldest history goes first, then new pulls are refused, and all is counted", () => {
    const { board, dropped, pass } = boardWith({ pulls: 100 });
    for (let node = 0; node < 20; node += 1) {
      board.report(reportOf(pulls(10, "done"), { nodeName: `n${node}` }));
      board.report(reportOf([], { nodeName: `n${node}` }));
      pass(100);
      expect(board.size().pulls).toBeLessThanOrEqual(100);
    }
    const kept = new Set(board.pulls({}).map(({ nodeName }) => nodeName));
    expect([kept.has("n19"), kept.has("n0")]).toEqual([true, false]);
    expect(dropped).toMatchObject({ pulls: 0, history: 200 - board.size().pulls });

    board.report(reportOf(pulls(500, "downloading", "q")));
    expect(board.size().pulls).toBe(100);
    expect(dropped.pulls).toBeGreaterThan(400);
    board.report(reportOf(pulls(500, "downloading", "q")));
    expect(board.size().pulls).toBeLessThanOrEqual(100);
  });

  it("does not forget an end that its agent still reports, however full it is, so that it is told once", () => {
    const { board, told } = boardWith({ pulls: 20 });
    const over = reportOf(pulls(10, "done"), { nodeName: "a" });
    board.report(over);
    board.report(reportOf(pulls(30, "downloading", "q"), { nodeName: "b" }));
    board.report(over);
    board.report(over);
    expect(told.filter((line) => line.startsWith("pull.completed a"))).toHaveLength(10);
    expect(board.size().pulls).toBe(20);
  });

  it("keeps no more layers than its bound over all nodes", () => {
    const { board, dropped } = boardWith({ layers: 50 });
    const wide = pullOf(Array.from({ length: 40 }, (_, index) => layerOf(index, 0)));
    for (const nodeName of ["a", "b"]) board.report(reportOf([wide], { nodeName }));
    expect(board.size().layers).toBe(50);
    expect(dropped.layers).toBe(30);
  });

  it("refuses a node beyond its bound, and gives a silent idle node's place away", () => {
    const { board, dropped, pass } = boardWith({ nodes: 2 });
    expect(["a", "b", "c"].map((nodeName) => board.report(reportOf([], { nodeName })))).toEqual([true, true, false]);
    expect(dropped.nodes).toBe(1);
    pass(10_000);
    expect(board.report(reportOf([], { nodeName: "c" }))).toBe(true);
    expect(board.nodes({}).map(({ nodeName }) => nodeName)).toEqual(["b", "c"]);
  });

  it("stays within its bounds under a node that invents new pulls for ever", () => {
    const { board, pass, dropped } = boardWith();
    for (let round = 0; round < 30; round += 1) {
      board.report(reportOf(pulls(1_000, "downloading", `r${round}-`)));
      pass(1_000);
      expect(board.size().pulls).toBeLessThanOrEqual(defaultLimits.pullsPerNode);
    }
    expect(dropped.pulls + dropped.history).toBeGreaterThan(20_000);
  });

  it("two nodes with the same pull ids are two pulls", () => {
    const { board } = boardWith();
    for (const nodeName of ["a", "b"]) board.report(reportOf(pulls(1, "downloading"), { nodeName }));
    expect(new Set(board.pulls({}).map(({ id }) => id)).size).toBe(2);
  });

  it("says how fast a node downloads, a shared layer counted once", () => {
    const { board, pass } = boardWith();
    const shared = (downloaded: number) =>
      reportOf([pullOf([layerOf(1, downloaded)]), pullOf([layerOf(1, downloaded)], { id: "p2" })]);
    board.report(shared(0));
    pass(1_000);
    board.report(shared(400));
    expect(board.nodes({})).toMatchObject([{ activePulls: 2, bytesPerSec: 400 }]);
  });

  it("is empty again when all is over and forgotten", () => {
    const { board, pass } = boardWith({}, 10_000);
    for (let node = 0; node < 50; node += 1)
      board.report(reportOf(pulls(5, node % 2 === 0 ? "done" : "downloading"), { nodeName: `n${node}` }));
    pass(130_000);
    pass(10_000);
    pass(1_000);
    expect(board.size()).toEqual({ nodes: 0, pulls: 0, layers: 0 });
    expect(board.activePulls() + board.connectedAgents()).toBe(0);
  });
});
