import { describe, expect, it } from "vitest";
import type { PullEntry } from "../live/index.ts";
import { busyPulls, sampleNodes } from "../testing/index.ts";
import { filterNodes, nodeRows, readNodesSearch } from "./node-rows.ts";

const now = Date.parse("2026-11-21T10:00:00Z");
const entries = busyPulls(now).map((pull): PullEntry => ({
  pull,
  speeds: [],
  startedMs: Date.parse(pull.startedAt),
  ...(pull.completedAt === undefined ? {} : { completedMs: Date.parse(pull.completedAt) }),
}));
const names = ["worker-10", "worker-04", "worker-9", "worker-03"];
const rows = nodeRows(sampleNodes(names, ["worker-9"], now), entries);

describe("the nodes", () => {
  it("silent ones stand first, the others in the order of their numbers", () => {
    expect(rows.map((row) => row.node.nodeName)).toEqual(["worker-9", "worker-03", "worker-04", "worker-10"]);
  });

  it("each has the sum of its running pulls, and its failures", () => {
    const [, third, fourth] = rows;
    expect(third).toMatchObject({ activePulls: 1, failedPulls: 1 });
    expect(fourth).toMatchObject({ activePulls: 2, failedPulls: 0, bytesPerSec: 32 * 1024 ** 2 });
  });

  it("the text finds names, versions, and who is silent", () => {
    const found = (q: string): string[] => filterNodes(rows, q).map((row) => row.node.nodeName);
    expect(found("WORKER-0")).toEqual(["worker-03", "worker-04"]);
    expect(found("silent 0.1")).toEqual(["worker-9"]);
    expect(filterNodes(rows, undefined)).toBe(rows);
  });

  it("a URL gives what makes sense and drops the rest", () => {
    expect(readNodesSearch({ q: "a", kiosk: "", node: "x" })).toEqual({ q: "a", kiosk: true });
    expect(readNodesSearch({ q: 5, kiosk: "false" })).toEqual({});
  });
});
