import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { defaultLimits } from "./limits.ts";
import { checkReport } from "./report.ts";
import { digestOf, layerOf, olderLayerOf, olderPullOf, pullOf, reportOf } from "./testing/reports.ts";

const check = (body: unknown) => checkReport(body, defaultLimits);
function faultsOf(body: unknown): readonly string[] {
  const result = check(body);
  return "faults" in result ? result.faults.map(({ pointer }) => pointer) : [];
}
const withNode = (nodeName: unknown): unknown => ({ ...reportOf([]), nodeName });
const withPull = (fields: object): unknown => ({ ...reportOf([]), pulls: [{ ...pullOf([]), ...fields }] });
const withLayer = (fields: object): unknown => reportOf([pullOf([{ ...layerOf(1, 10), ...fields }])]);

describe("checkReport", () => {
  it("takes what the contract names, as it is", () => {
    const report = reportOf([
      pullOf(
        [
          layerOf(1, 10, { cached: false, startedAt: "2026-11-21T11:59:59.5Z" }),
          layerOf(2, 1_000, { phase: "done", completedAt: "2026-11-21T12:00:00+01:00" }),
        ],
        { manifestDigest: digestOf(9), containerdNamespace: "k8s.io" },
      ),
      pullOf([], { id: "p2", phase: "failed", error: "not found", completedAt: "2026-11-21T12:00:00Z" }),
    ]);
    expect(check(report)).toEqual({ report });
  });

  it("takes a report of an older agent, which leaves the additions out", () => {
    const { agentVersion: _, reportIntervalMs: __, ...older } = reportOf([olderPullOf([olderLayerOf(1, 10)])]);
    expect(check(older)).toEqual({ report: older });
  });

  it("reads null as absent, because Go writes empty values that way", () => {
    expect(
      check({
        nodeName: "a",
        timestamp: "2026-11-21T12:00:00Z",
        pulls: null,
        agentVersion: null,
        reportIntervalMs: null,
      }),
    ).toEqual({
      report: { nodeName: "a", timestamp: "2026-11-21T12:00:00Z", pulls: [] },
    });
    expect(faultsOf(withPull({ layers: null, id: null, phase: null, error: null, completedAt: null }))).toEqual([]);
    expect(faultsOf(withLayer({ phase: null, cached: null, mediaType: null, startedAt: null }))).toEqual([]);
  });

  it("ignores fields that it does not know, and never copies them", () => {
    const body = JSON.parse(
      '{"nodeName":"a","timestamp":"2026-11-21T12:00:00Z","pulls":[],"__proto__":{"x":1},"new":true}',
    ) as unknown;
    expect(check(body)).toEqual({ report: { nodeName: "a", timestamp: "2026-11-21T12:00:00Z", pulls: [] } });
  });

  it.each([[null], [[]], ["text"], [1], [true], [undefined]])("refuses a body that is no object: %j", (body) => {
    expect(faultsOf(body)).toEqual([""]);
  });

  it.each([["a"], ["Node_1"], ["ip-10-0-0-1.eu.compute.internal"], ["n".repeat(253)]])(
    "takes the node name %s",
    (name) => {
      expect(faultsOf(withNode(name))).toEqual([]);
    },
  );

  it.each([
    [""],
    ["n".repeat(254)],
    ["-a"],
    ["a-"],
    ["a b"],
    ["a\nb"],
    ["a\0"],
    ["../etc"],
    ["a/b"],
    ["<script>"],
    ["ä"],
    ["a\u202eb"],
    [7],
    [null],
    [undefined],
    [{}],
    [["a"]],
  ])("refuses the node name %j", (name) => {
    expect(faultsOf(withNode(name))).toEqual(["/nodeName"]);
  });

  it.each([["totalBytes"], ["downloadedBytes"]])("refuses numbers that are no byte count in %s", (field) => {
    for (const value of [-1, 0.5, 2 ** 53, 1e300, Number.NaN, Number.POSITIVE_INFINITY, "1", null, undefined, {}]) {
      expect(faultsOf(withLayer({ [field]: value }))).toEqual([`/pulls/0/layers/0/${field}`]);
    }
    expect(faultsOf(withLayer({ [field]: Number.MAX_SAFE_INTEGER }))).toEqual([]);
  });

  it.each([
    ["sha256:abc"],
    [`sha256:${"g".repeat(64)}`],
    [`SHA256:${"a".repeat(64)}`],
    [`sha256:${"a".repeat(65)}`],
    [`md5:${"a".repeat(32)}`],
    [""],
    [null],
    [`sha256:${"a".repeat(64)}\n`],
  ])("refuses the digest %j", (digest) => {
    expect(faultsOf(withLayer({ digest }))).toEqual(["/pulls/0/layers/0/digest"]);
  });

  it("refuses references with anything that is in no reference", () => {
    for (const imageRef of [
      "",
      " a",
      "a b",
      "a\tb",
      "a<b",
      'a"b',
      "a'b",
      "a`b",
      "a\\b",
      "a\u0000",
      "a\u200b",
      "bücher/x",
      "a".repeat(1_025),
      5,
      null,
    ]) {
      expect(faultsOf(withPull({ imageRef }))).toEqual(["/pulls/0/imageRef"]);
    }
    for (const imageRef of ["nginx", "[::1]:5000/a/b:1", `a/b@${digestOf(1)}`, "__pulling__", "a".repeat(1_024)]) {
      expect(faultsOf(withPull({ imageRef }))).toEqual([]);
    }
  });

  it("refuses times that do not exist or are not of RFC 3339", () => {
    for (const startedAt of [
      "",
      "yesterday",
      "2026-11-21",
      "2026-13-01T00:00:00Z",
      "2026-11-21T25:00:00Z",
      "2026-11-21T12:00:00",
      1_700_000_000,
      null,
      "2026-11-21T12:00:00Z".padEnd(60, "0"),
    ]) {
      expect(faultsOf(withPull({ startedAt }))).toContain("/pulls/0/startedAt");
    }
    for (const startedAt of ["0001-01-01T00:00:00Z", "2026-11-21T12:00:00.123456789+02:00"])
      expect(faultsOf(withPull({ startedAt }))).toEqual([]);
  });

  it("refuses phases, flags and media types that are none", () => {
    expect(faultsOf(withPull({ phase: "paused" }))).toEqual(["/pulls/0/phase"]);
    expect(faultsOf(withPull({ phase: "constructor" }))).toEqual(["/pulls/0/phase"]);
    expect(faultsOf(withPull({ totalKnown: "true" }))).toEqual(["/pulls/0/totalKnown"]);
    expect(faultsOf(withLayer({ phase: 1 }))).toEqual(["/pulls/0/layers/0/phase"]);
    expect(faultsOf(withLayer({ cached: "no" }))).toEqual(["/pulls/0/layers/0/cached"]);
    expect(faultsOf(withLayer({ mediaType: "text" }))).toEqual(["/pulls/0/layers/0/mediaType"]);
    expect(faultsOf(withLayer({ mediaType: "" }))).toEqual([]);
  });

  it("refuses more pulls or layers than the limits, and the same pull twice", () => {
    const many = Array.from({ length: 1_001 }, (_, index) => pullOf([], { id: `p${index}` }));
    expect(faultsOf(reportOf(many))).toEqual(["/pulls"]);
    expect(faultsOf(reportOf(many.slice(1)))).toEqual([]);
    const layers = Array.from({ length: 1_001 }, (_, index) => layerOf(index, 0));
    expect(faultsOf(reportOf([pullOf(layers)]))).toEqual(["/pulls/0/layers"]);
    expect(faultsOf(reportOf([pullOf([]), pullOf([])]))).toEqual(["/pulls/1"]);
    expect(faultsOf(reportOf([olderPullOf([]), olderPullOf([])]))).toEqual(["/pulls/1"]);
  });

  it("takes a layer that the manifest names several times once", () => {
    const result = check(reportOf([pullOf([layerOf(1, 10), layerOf(2, 0), layerOf(1, 99)])]));
    expect("report" in result && result.report.pulls[0]?.layers).toEqual([layerOf(1, 10), layerOf(2, 0)]);
  });

  it("cleans the error sentence of what cannot be shown and what gives access, and cuts it", () => {
    const errorOf = (error: unknown) => {
      const result = check(withPull({ error }));
      return "report" in result ? result.report.pulls[0]?.error : result.faults;
    };
    expect(errorOf("no\r\n\tspace\u202e left\u0000")).toBe("no space left");
    expect(errorOf("x".repeat(5_000))).toHaveLength(1_000);
    expect(errorOf("😀".repeat(3_000))).toSatisfy((text: string) => text.isWellFormed() && text.length <= 1_000);
    expect(errorOf('Get "https://bob:pw@blobs.example/x?sig=abc": EOF')).toBe('Get "https://blobs.example/x": EOF');
    expect(errorOf(" \n ")).toBeUndefined();
    expect(errorOf({})).toMatchObject([{ pointer: "/pulls/0/error" }]);
  });

  it("keeps report intervals between 100 ms and an hour", () => {
    const intervalOf = (reportIntervalMs: number) => {
      const result = check({ ...reportOf([]), reportIntervalMs });
      return "report" in result ? result.report.reportIntervalMs : undefined;
    };
    expect([intervalOf(0), intervalOf(2_000), intervalOf(1e12)]).toEqual([100, 2_000, 3_600_000]);
  });

  it("names at most a few faults, however many there are", () => {
    const wrong = Array.from({ length: 1_000 }, () => ({ layers: [{}, {}, {}] }));
    const result = check({ nodeName: "", timestamp: "", pulls: wrong });
    expect("faults" in result && result.faults.length).toBeLessThanOrEqual(12);
  });

  it("never throws, and what it takes it takes again unchanged", () => {
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        // Deep nests are no better tests than small ones, and take seconds to make.
        { maxDepth: 3, depthSize: "small" },
        fc.anything({ maxDepth: 2, maxKeys: 4 }),
        fc.record({ nodeName: tie("any"), pulls: tie("any"), layers: tie("any") }, { requiredKeys: [] }),
      ),
    })).any;
    const again = (body: unknown): boolean => {
      const result = check(body);
      return !("report" in result) || JSON.stringify(check(result.report)) === JSON.stringify(result);
    };
    // Any code units, halves of pairs among them; fast-check's own table of all characters takes a second to build.
    const nearlyRight = fc
      .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 40 })
      .map((units) => reportOf([pullOf([layerOf(1, 1)], { error: String.fromCharCode(...units) })]));
    expect(() => fc.assert(fc.property(fc.oneof(value, nearlyRight), again))).not.toThrow();
  });
});
