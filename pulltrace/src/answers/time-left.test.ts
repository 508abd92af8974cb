import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { LayerPhase, PullPhase } from "../contract/index.ts";
import { learnLink, learnUnpack, nothingLearned, type Speeds } from "./speeds.ts";
import { at, layer, MiB, noon, pull } from "./testing/statuses.ts";
import { steadyEnd, timesLeft, type NodeWork } from "./time-left.ts";

const unpacksAt = (mebibytes: number): Speeds => learnUnpack(nothingLearned, "gzip", mebibytes * MiB * 10, 10_000);
const of = (work: Partial<NodeWork> & Pick<NodeWork, "pulls">) =>
  timesLeft({ bytesPerSec: 0, node: nothingLearned, fleet: nothingLearned, now: noon + 10_000, ...work });
/** Whole seconds; the moment between the last layer and the end is not among them. */
const seconds = (work: Parameters<typeof of>[0]): Record<string, number> =>
  Object.fromEntries([...of(work)].map(([id, { milliseconds }]) => [id, Math.round((milliseconds - 700) / 100) / 10]));

describe("time left", () => {
  it("is missing bytes by the node's speed and then unpacking", () => {
    const one = pull([layer(1, 100, 0, { phase: "downloading" })]);
    expect(seconds({ pulls: [one], bytesPerSec: 10 * MiB, node: unpacksAt(50) })).toEqual({ p1: 12 });
  });

  it("lets layers unpack while the later ones still come, one after the other", () => {
    const layers = [layer(1, 60, 60, { phase: "downloaded" }), layer(2, 60, 0, { phase: "downloading" })];
    // The first unpacks for 6 s while the second needs 3 s to come.
    expect(seconds({ pulls: [pull(layers)], bytesPerSec: 20 * MiB, node: unpacksAt(10) })).toEqual({ p1: 12 });
  });

  it("shares the link among the pulls of a node, and gives the others the part of the one that is over", () => {
    const small = pull([layer(1, 10, 0, { phase: "downloading" })], { id: "small" });
    const large = pull([layer(2, 40, 0, { phase: "downloading" })], { id: "large" });
    const left = seconds({ pulls: [small, large], bytesPerSec: 10 * MiB, node: unpacksAt(1e6) });
    expect(left).toEqual({ small: 2, large: 5 });
  });

  it("counts a layer that two pulls need once", () => {
    const [one, other] = ["one", "other"].map((id) => pull([layer(1, 50, 0, { phase: "downloading" })], { id }));
    const left = seconds({ pulls: [one!, other!], bytesPerSec: 10 * MiB, node: unpacksAt(1e6) });
    expect(left).toEqual({ one: 5, other: 5 });
  });

  it("downloads three layers of a pull at a time, and the waiting ones after them", () => {
    const layers = [1, 2, 3, 4].map((number) => layer(number, 30, 0));
    const alone = seconds({ pulls: [pull(layers)], bytesPerSec: 30 * MiB, node: unpacksAt(30) });
    // Three arrive together after 3 s, the fourth a second later; all unpack from the third second on.
    expect(alone).toEqual({ p1: 7 });
  });

  it("takes off what a layer has unpacked already, and waits on for one that takes longer than expected", () => {
    const unpacking = (since: number) =>
      pull([layer(1, 100, 100, { phase: "unpacking", downloadedAt: at(0), unpackingAt: at(since) })], {
        phase: "unpacking",
      });
    expect(seconds({ pulls: [unpacking(6)], node: unpacksAt(10) })).toEqual({ p1: 6 });
    expect(seconds({ pulls: [unpacking(2)], node: unpacksAt(50) })).toEqual({ p1: 2 });
  });

  it("says what it rests on, the weakest part that is felt", () => {
    const downloading = pull([layer(1, 100, 0, { phase: "downloading" })]);
    const basis = (work: Partial<NodeWork>) => of({ pulls: [downloading], ...work }).get("p1")?.basis;
    const link = learnLink(nothingLearned, 10 * MiB, 1_000, 0);
    expect(basis({ bytesPerSec: MiB })).toBe("measured");
    expect(basis({ bytesPerSec: 100 * MiB })).toBe("typical");
    // A speed that has just changed may change again.
    for (const [speed, word] of [
      [4, "node"],
      [7, "measured"],
      [14, "measured"],
      [16, "node"],
    ] as const)
      expect(basis({ bytesPerSec: speed * MiB, node: { ...link, ...unpacksAt(1e6) } })).toBe(word);
    expect(basis({ bytesPerSec: 100 * MiB, fleet: unpacksAt(10) })).toBe("fleet");
    expect(basis({ bytesPerSec: 100 * MiB, node: unpacksAt(10) })).toBe("node");
    expect(basis({ node: { ...unpacksAt(10), ...link } })).toBe("node");
    expect(basis({ fleet: link, node: unpacksAt(10) })).toBe("fleet");
  });

  it("is not told without a speed, without a size, for what stands still, and for what is over", () => {
    const downloading = pull([layer(1, 100, 0, { phase: "downloading" })]);
    expect(seconds({ pulls: [downloading] })).toEqual({});
    expect(seconds({ pulls: [{ ...downloading, totalKnown: false }], bytesPerSec: MiB })).toEqual({});
    for (const phase of ["resolving", "done", "failed", "cancelled"] as const) {
      expect(seconds({ pulls: [{ ...downloading, phase }], bytesPerSec: MiB })).toEqual({});
    }
    const link = learnLink(nothingLearned, 10 * MiB, 1_000, 0);
    const begun = pull([layer(1, 100, 5, { phase: "downloading" })]);
    expect(seconds({ pulls: [begun], node: link, now: noon + 10_000 })).not.toEqual({});
    expect(seconds({ pulls: [begun], node: link, now: noon + 21_000 })).toEqual({});
  });

  it("is above zero and at most a week, whatever the node does, and never later for a faster link", () => {
    const phases: readonly LayerPhase[] = ["waiting", "downloading", "downloaded", "unpacking", "done", "cached"];
    const anyLayer = fc
      .tuple(
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 1, max: 2_000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.constantFrom(...phases),
      )
      .map(([number, size, part, phase]) => layer(number, size, Math.floor(size * part), { phase }));
    const anyPull = fc
      .tuple(
        fc.uniqueArray(anyLayer, { minLength: 1, maxLength: 6, selector: ({ digest }) => digest }),
        fc.constantFrom<PullPhase>("downloading", "unpacking"),
      )
      .map(([layers, phase]) => pull(layers, { phase }));
    const anyPulls = fc
      .array(anyPull, { minLength: 1, maxLength: 4 })
      .map((pulls) => pulls.map((one, index) => ({ ...one, id: `p${index}` })));
    fc.assert(
      fc.property(anyPulls, fc.integer({ min: 1_000_000, max: 1e9 }), (pulls, bytesPerSec) => {
        const slow = of({ pulls, bytesPerSec });
        const fast = of({ pulls, bytesPerSec: bytesPerSec * 2 });
        for (const [id, { milliseconds }] of slow) {
          expect(milliseconds).toBeGreaterThan(0);
          expect(milliseconds).toBeLessThanOrEqual(7 * 24 * 3_600_000);
          expect(fast.get(id)!.milliseconds).toBeLessThanOrEqual(milliseconds + 1);
        }
      }),
    );
  });

  it("stays quick with very many layers", () => {
    const layers = Array.from({ length: 1_000 }, (_, index) => layer(index, 10, 0));
    expect(seconds({ pulls: [pull(layers)], bytesPerSec: 100 * MiB, node: unpacksAt(1e6) })).toEqual({ p1: 100 });
  });
});

describe("a told end", () => {
  it("stays while the new one is nearly the same, and moves when it is not", () => {
    expect(steadyEnd(undefined, 9_000, 0)).toBe(9_000);
    expect(steadyEnd(9_500, 9_000, 0)).toBe(9_500);
    expect(steadyEnd(100_000, 108_000, 0)).toBe(100_000);
    expect(steadyEnd(100_000, 120_000, 0)).toBe(120_000);
    expect(steadyEnd(4_900, 5_100, 5_000)).toBe(5_100);
  });
});
