import { describe, expect, it } from "vitest";
import { defaultLimits } from "./limits.ts";
import { unnamedImage } from "./older-downloads.ts";
import { checkReport } from "./report.ts";
import { node, only, typesOf } from "./testing/node-turns.ts";
import { digestOf, noon } from "./testing/reports.ts";

/**
 * Reports as an agent of the older program (its commit 0ff5470, beside a containerd 2.2) sent them: one pull for each
 * download of a blob, and none that knows its image.
 */
function download(kind: string, number: number, downloadedBytes: number, agoMs = 1_000): object {
  const ref = `${kind}${digestOf(number)}`;
  return {
    imageRef: ref,
    layers: [{ digest: ref, totalBytes: 1_000, downloadedBytes, totalKnown: true }],
    startedAt: new Date(noon - agoMs).toISOString().replace("Z", "896384Z"),
    totalKnown: true,
  };
}
const report = (pulls: unknown): unknown => ({ nodeName: "older", timestamp: "2026-11-21T23:58:18.228417027Z", pulls });
function taken(pulls: readonly unknown[]) {
  const check = checkReport(report(pulls), defaultLimits);
  if (!("report" in check)) throw new Error(JSON.stringify(check.faults));
  return check.report.pulls;
}
function faults(pulls: readonly unknown[]): readonly string[] {
  const check = checkReport(report(pulls), defaultLimits);
  return "faults" in check ? check.faults.map(({ pointer }) => pointer) : [];
}

const whole = (number: number) => download("layer-", number, 1_000);

describe("downloads that an agent of the older program reports", () => {
  it("are one pull without a name, with the layers among them and the earliest start", () => {
    const pulls = taken([download("manifest-", 9, 0, 900), download("layer-", 1, 10, 3_000), download("layer-", 2, 0)]);
    expect(pulls.map(({ imageRef, totalKnown, id, phase }) => [imageRef, totalKnown, id, phase])).toEqual([
      [unnamedImage, true, undefined, undefined],
    ]);
    expect(Date.parse(pulls[0]?.startedAt ?? "")).toBe(noon - 3_000);
    expect(pulls[0]?.layers.map(({ digest, downloadedBytes }) => [digest, downloadedBytes])).toEqual([
      [digestOf(1), 10],
      [digestOf(2), 0],
    ]);
  });

  it("leave pulls with an image's name as they are", () => {
    const named = { ...download("layer-", 1, 5), imageRef: "registry.example/team/app:1" };
    const own = { ...named, id: "p1", layers: [] };
    const pulls = taken([download("", 7, 1), { ...named, layers: [] }, own]);
    expect(pulls.map(({ imageRef, layers }) => [imageRef, layers.length])).toEqual([
      ["registry.example/team/app:1", 0],
      ["registry.example/team/app:1", 0],
      [unnamedImage, 1],
    ]);
  });

  it.each([
    ["a start that is none", { startedAt: "yesterday" }],
    ["no start", { startedAt: 7 }],
    ["a layer that is none", { layers: [7] }],
    ["bytes that are none", { layers: [{ digest: `layer-${digestOf(1)}`, totalBytes: -1, downloadedBytes: 0 }] }],
    ["a digest of markup", { layers: [{ ...whole(1), digest: "<b>" }] }],
  ])("are refused with %s", (_, wrong) => {
    expect(faults([{ ...download("layer-", 1, 5), ...wrong }])).not.toEqual([]);
  });

  it("are a pull that begins, goes on and ends once, though its blobs leave the report one by one", () => {
    const on = node();
    const first = on.reports(...taken([download("manifest-", 9, 0)]));
    expect([typesOf(first), only(first).phase]).toEqual([["pull.started"], "resolving"]);
    expect(only(on.reports(...taken([download("manifest-", 9, 1_000), download("layer-", 1, 400)]))).percent).toBe(40);
    // Blobs that are done go half a minute after they began, the first one first: the start of the rest is a later one.
    on.reports(...taken([download("layer-", 1, 1_000, 900), download("layer-", 2, 500, 500)]));
    const last = only(on.reports(...taken([download("layer-", 2, 900, 500)])));
    expect([last.id, last.startedAt, last.layerCount]).toEqual([only(first).id, only(first).startedAt, 2]);
    on.reports();
    expect(typesOf(on.reports())).toContain("pull.completed");
    expect(typesOf(on.reports())).toEqual([]);
  });
});
