import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  codecOf,
  expectedLink,
  expectedUnpack,
  fadedBest,
  learnLink,
  learnUnpack,
  nothingLearned,
  unpackSpeed,
  weakest,
  type Speeds,
} from "./speeds.ts";

const steadily = (bytesPerSec: number, seconds: number, from: Speeds = nothingLearned, at = 0): Speeds => {
  let speeds = from;
  for (let second = 1; second <= seconds; second += 1) {
    speeds = learnLink(speeds, bytesPerSec, 1_000, at + second * 1_000);
  }
  return speeds;
};

describe("the speed of a link", () => {
  it("is what it steadily was, and follows within a minute or two when it changes", () => {
    const fast = steadily(50e6, 120);
    expect(fast.link?.usual).toBeCloseTo(50e6, -3);
    const slower = steadily(5e6, 180, fast, 120_000);
    expect(slower.link!.usual).toBeLessThan(8e6);
  });

  it("keeps its best of late, which halves in half an hour", () => {
    const link = steadily(5e6, 60, steadily(50e6, 60), 60_000).link!;
    expect(fadedBest(link, 120_000)).toBeGreaterThan(45e6);
    const later = fadedBest(link, 120_000 + 30 * 60_000);
    expect(later / fadedBest(link, 120_000)).toBeCloseTo(0.5, 1);
    expect(fadedBest(link, 1e12)).toBe(link.usual);
  });

  it("learns nothing from standstill, idling and nonsense", () => {
    for (const [speed, elapsed] of [
      [0, 1_000],
      [-5, 1_000],
      [5, 0],
      [Number.NaN, 1_000],
      [5, Number.NaN],
    ] as const) {
      expect(learnLink(nothingLearned, speed, elapsed, 0)).toBe(nothingLearned);
    }
  });

  it("lies between the lowest and the highest that was seen", () => {
    const sample = fc.record({ speed: fc.integer({ min: 1, max: 1e10 }), elapsed: fc.integer({ min: 1, max: 1e8 }) });
    fc.assert(
      fc.property(fc.array(sample, { minLength: 1 }), (samples) => {
        let speeds = nothingLearned;
        let now = 0;
        for (const { speed, elapsed } of samples) speeds = learnLink(speeds, speed, elapsed, (now += elapsed));
        const seen = samples.map(({ speed }) => speed);
        const { usual, best } = speeds.link!;
        expect(usual).toBeGreaterThanOrEqual(Math.min(...seen) * 0.999_999);
        expect(usual).toBeLessThanOrEqual(Math.max(...seen) * 1.000_001);
        expect(best).toBeGreaterThanOrEqual(usual * 0.999_999);
        expect(best).toBeLessThanOrEqual(Math.max(...seen) * 1.000_001);
      }),
    );
  });
});

describe("the speed of unpacking", () => {
  it("is bytes by time for each compression on its own, with little weight for small layers", () => {
    let speeds = learnUnpack(nothingLearned, "gzip", 100e6, 5_000);
    speeds = learnUnpack(speeds, "gzip", 1_000, 900);
    speeds = learnUnpack(speeds, "zstd", 100e6, 1_000);
    expect(unpackSpeed(speeds, "gzip")).toBeGreaterThan(15e6);
    expect(unpackSpeed(speeds, "gzip")).toBeLessThan(20e6);
    expect(unpackSpeed(speeds, "zstd")).toBe(100e6);
    expect(unpackSpeed(speeds, "none")).toBeUndefined();
  });

  it("forgets: after some layers only the later ones count", () => {
    let speeds = learnUnpack(nothingLearned, "gzip", 100e6, 1_000);
    for (let layer = 0; layer < 40; layer += 1) speeds = learnUnpack(speeds, "gzip", 100e6, 10_000);
    expect(unpackSpeed(speeds, "gzip")).toBeLessThan(10.1e6);
  });

  it("learns nothing from no bytes or no time", () => {
    expect(learnUnpack(nothingLearned, "gzip", 0, 5)).toBe(nothingLearned);
    expect(learnUnpack(nothingLearned, "gzip", 5, 0)).toBe(nothingLearned);
    expect(learnUnpack(nothingLearned, "gzip", Number.NaN, 5)).toBe(nothingLearned);
  });
});

describe("what is expected", () => {
  it("comes from the node, else from all nodes, else is typical, and says so", () => {
    const node = learnUnpack(steadily(1e6, 5), "gzip", 10e6, 1_000);
    const fleet = learnUnpack(steadily(9e6, 5), "gzip", 90e6, 1_000);
    expect(expectedLink(node, fleet)).toMatchObject({ basis: "node" });
    expect(expectedLink(nothingLearned, fleet)).toMatchObject({ basis: "fleet" });
    expect(expectedLink(nothingLearned, nothingLearned).basis).toBe("typical");
    expect(expectedUnpack(node, fleet, "gzip")).toEqual({ bytesPerSec: 10e6, basis: "node" });
    expect(expectedUnpack(nothingLearned, fleet, "gzip")).toEqual({ bytesPerSec: 90e6, basis: "fleet" });
    expect(expectedUnpack(node, fleet, "zstd").basis).toBe("typical");
  });

  it("rests on its weakest part", () => {
    expect(weakest("measured", "node")).toBe("node");
    expect(weakest("typical", "fleet")).toBe("typical");
    expect(weakest("node", "node")).toBe("node");
  });
});

describe("the compression of a layer", () => {
  it("is read from its media type", () => {
    expect(
      [
        "application/vnd.oci.image.layer.v1.tar+gzip",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "application/vnd.oci.image.layer.v1.tar+zstd",
        "application/vnd.oci.image.layer.v1.tar",
        "application/octet-stream",
        "",
      ].map(codecOf),
    ).toEqual(["gzip", "gzip", "zstd", "none", "other", "other"]);
  });
});
