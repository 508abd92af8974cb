import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import type { ReportedPull } from "../../contract/index.ts";
import { fitted } from "./index.ts";

const time = "2026-11-21T12:00:00.000Z";
/** No two layers are alike, so that gzip finds as little as it ever will. */
function pullOf(name: string, layers: number): ReportedPull {
  const hex = (characters: number): string => randomBytes(characters / 2).toString("hex");
  return {
    id: name,
    imageRef: `registry.example/${name}`,
    startedAt: time,
    totalKnown: true,
    phase: "downloading",
    layers: Array.from({ length: layers }, () => ({
      digest: `sha512:${hex(128)}`,
      mediaType: `a/${hex(126)}`,
      totalBytes: Number.MAX_SAFE_INTEGER,
      downloadedBytes: Number.MAX_SAFE_INTEGER,
      totalKnown: true,
      phase: "downloading" as const,
      cached: false,
      waitsFor: hex(24),
      startedAt: time,
      completedAt: time,
    })),
  };
}
const layersOf = (pulls: readonly ReportedPull[]) => pulls.map(({ layers }) => layers.length);

describe("what goes into a report", () => {
  it("is everything of a node with much to do", () => {
    const pulls = Array.from({ length: 30 }, (_, index) => pullOf(`p${index}`, 120));
    expect(fitted(pulls)).toEqual({ pulls, cut: false });
  });

  it("tells pulls without their layers where those find no room, and each pull's phase all the same", () => {
    const pulls = [pullOf("a", 1_000), pullOf("b", 1_001), ...["c", "d", "e", "f"].map((name) => pullOf(name, 1_000))];
    const { pulls: told, cut } = fitted([...pulls, pullOf("small", 1)]);
    expect(cut).toBe(true);
    expect(layersOf(told)).toEqual([1_000, 0, 1_000, 1_000, 1_000, 0, 0]);
    expect(told.map(({ phase }) => phase)).toEqual(told.map(() => "downloading"));
    expect(told.map(({ totalKnown }) => totalKnown)).toEqual([true, false, true, true, true, false, false]);
  });

  it("is never larger than the server takes, however it was made", () => {
    const many = Array.from({ length: 500 }, (_, index) =>
      pullOf(`${"x".repeat(1_000)}${index}`, index < 8 ? 1_000 : 0),
    );
    const { pulls, cut } = fitted(many);
    expect([pulls.length, cut]).toEqual([200, true]);
    const body = JSON.stringify(pulls);
    expect(body.length).toBeLessThan(4 * 1024 * 1024 - 1_000);
    expect(gzipSync(body, { level: 1 }).byteLength).toBeLessThan(1024 * 1024);
  });
});
