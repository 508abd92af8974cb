import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { AgentReport, ReportedPull } from "../contract/index.ts";
import { defaultLimits } from "./limits.ts";
import { checkReport } from "./report.ts";
import { layerOf, pullOf, reportOf } from "./testing/reports.ts";

/** A body as it comes in: none of its objects and texts is one of those before. */
const sent = (body: unknown): unknown => JSON.parse(JSON.stringify(body));
function take(body: unknown, known?: readonly ReportedPull[]): AgentReport {
  const result = checkReport(sent(body), defaultLimits, () => known);
  if ("faults" in result) throw new Error(JSON.stringify(result.faults));
  return result.report;
}

const told = reportOf([
  pullOf([
    layerOf(1, 1_000, { phase: "done", startedAt: "2026-11-21T11:59:59Z", completedAt: "2026-11-21T12:00:00Z" }),
    layerOf(2, 10, { startedAt: "2026-11-21T11:59:59Z" }),
    layerOf(3, 0, { waitsFor: "p2" }),
  ]),
  pullOf([layerOf(4, 0)], { id: "p2", error: "HTTP 429", attempts: 2, containerdNamespace: "k8s.io" }),
]);

describe("a report after another one of the same node", () => {
  it("keeps what it says again, and reads what is new", () => {
    const known = take(told).pulls;
    const next = take(
      reportOf([
        pullOf([told.pulls[0]!.layers[0]!, { ...told.pulls[0]!.layers[1]!, downloadedBytes: 20 }, layerOf(3, 5)]),
        told.pulls[1]!,
      ]),
      known,
    );
    expect(next.pulls[0]?.layers[0]).toBe(known[0]?.layers[0]);
    expect(next.pulls[0]?.layers[1]).toEqual({ ...told.pulls[0]!.layers[1]!, downloadedBytes: 20 });
    expect(next.pulls[0]?.layers[2]).toEqual(layerOf(3, 5));
    expect(next.pulls[1]).toEqual(told.pulls[1]);
    expect(known, "what was told is not changed").toEqual(told.pulls);
  });

  it("asks for what the node told by the name that stands in the report, and for no bad name", () => {
    const asked: string[] = [];
    const check = (nodeName: unknown) =>
      checkReport(sent({ ...told, nodeName }), defaultLimits, (name) => {
        asked.push(name);
        return undefined;
      });
    expect(check("node-7")).toHaveProperty("report");
    expect(check("../7")).toHaveProperty("faults");
    expect(asked).toEqual(["node-7"]);
  });

  const strange = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom<unknown>(-1, 0.5, "", "<script>", "sha256:0", "2026-99-99T00:00:00Z", null, -0, {}, [], true),
  );
  /** Each place of a report: the field names down to it. */
  const places = [
    ["pulls"],
    ...[0, 1].flatMap((pull) => [
      ["pulls", pull],
      ...["imageRef", "id", "startedAt", "totalKnown", "phase", "completedAt", "error", "manifestDigest"].map(
        (name) => ["pulls", pull, name],
      ),
      ...["attempts", "containerdNamespace", "layers"].map((name) => ["pulls", pull, name]),
      ...["digest", "mediaType", "totalBytes", "downloadedBytes", "totalKnown", "phase", "cached", "waitsFor"].map(
        (name) => ["pulls", pull, "layers", 0, name],
      ),
      ...["startedAt", "completedAt"].map((name) => ["pulls", pull, "layers", 0, name]),
    ]),
  ];

  it("is checked as if it were the first, whatever stands in it", () => {
    const known = take(told).pulls;
    fc.assert(
      fc.property(fc.constantFrom(...places), strange, fc.boolean(), (place, value, twisted) => {
        const body = sent(told) as AgentReport;
        let at = body as unknown as Record<string | number, unknown>;
        for (const step of place.slice(0, -1)) at = at[step] as Record<string | number, unknown>;
        at[place.at(-1)!] = value;
        const before = twisted ? known.toReversed() : known;
        expect(checkReport(sent(body), defaultLimits, () => before)).toEqual(checkReport(sent(body), defaultLimits));
      }),
      { numRuns: 2_000 },
    );
  });
});
