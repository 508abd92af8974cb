import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { coldStartOf } from "./cold-start.ts";
import { learnLink, learnUnpack, nothingLearned, type Speeds } from "./speeds.ts";
import { layer, MiB, pull } from "./testing/statuses.ts";

const learned = (link: number, unpack: number): Speeds =>
  learnUnpack(learnLink(nothingLearned, link * MiB, 1_000, 0), "gzip", unpack * MiB, 1_000);

describe("a cold start", () => {
  it("is the whole image at the link's usual speed, with the unpacking that comes after it", () => {
    const image = pull([layer(1, 100, 0), layer(2, 500, 0), layer(3, 20, 0, { phase: "cached" })]);
    // 62 s of download; the second layer is there at 60 s and unpacks for 50 s, the third for 2 s more.
    expect(coldStartOf(image, learned(10, 10), nothingLearned)).toEqual({
      imageRef: image.imageRef,
      totalBytes: 620 * MiB,
      seconds: 112,
      downloadSeconds: 62,
      unpackSeconds: 50,
      bytesPerSec: 10 * MiB,
      basis: "node",
      sentence:
        "On a cold node this image takes about 1 min 52 s: 620 MiB at 10 MiB/s, and unpacking; 1 layer of 3 is 81 % of it.",
      heaviest: 1,
      layers: [
        {
          digest: image.layers[1]?.digest,
          mediaType: image.layers[1]?.mediaType,
          totalBytes: 500 * MiB,
          seconds: 100,
          share: 0.806,
        },
        {
          digest: image.layers[0]?.digest,
          mediaType: image.layers[0]?.mediaType,
          totalBytes: 100 * MiB,
          seconds: 20,
          share: 0.161,
        },
        {
          digest: image.layers[2]?.digest,
          mediaType: image.layers[2]?.mediaType,
          totalBytes: 20 * MiB,
          seconds: 4,
          share: 0.032,
        },
      ],
    });
  });

  it("goes by all nodes where the node is unknown, and by typical speeds where nothing is known, and says so", () => {
    const image = pull([layer(1, 100, 0)]);
    expect(coldStartOf(image, nothingLearned, learned(10, 10))?.basis).toBe("fleet");
    expect(coldStartOf(image, nothingLearned, nothingLearned)?.basis).toBe("typical");
  });

  it("is unknown while the sizes are", () => {
    expect(coldStartOf(pull([layer(1, 10, 0)], { totalKnown: false }), nothingLearned, nothingLearned)).toBeUndefined();
    expect(coldStartOf(pull([]), nothingLearned, nothingLearned)).toBeUndefined();
  });

  it("names the fewest layers that make 80 %, and its parts sum up, for any image", () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 5_000 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 2_000 }), fc.integer({ min: 1, max: 500 }), (all, link, unpack) => {
        const cold = coldStartOf(
          pull(all.map((size, index) => layer(index, size, 0))),
          learned(link, unpack),
          nothingLearned,
        )!;
        expect(cold.downloadSeconds + cold.unpackSeconds).toBe(cold.seconds);
        const shares = cold.layers.map(({ share }) => share);
        expect(shares).toEqual(shares.toSorted((a, b) => b - a));
        const sum = (count: number) => shares.slice(0, count).reduce((before, share) => before + share, 0);
        expect(sum(shares.length)).toBeCloseTo(1, 1);
        expect(sum(cold.heaviest)).toBeGreaterThan(0.79);
        expect(sum(cold.heaviest - 1)).toBeLessThan(0.81);
        const bytes = all.reduce((before, size) => before + size, 0);
        expect(cold.seconds).toBeGreaterThanOrEqual(Math.floor(Math.max(bytes / link, bytes / unpack)));
        expect(cold.seconds).toBeLessThanOrEqual(Math.ceil(bytes / link + bytes / unpack) + 1);
      }),
    );
  });
});
