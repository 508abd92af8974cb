import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { countText, durationText, shareText, sizeText, speedText } from "./wording.ts";

describe("the numbers in sentences", () => {
  it("show sizes in binary units with one digit where it matters", () => {
    expect(
      [0, 1, 1_023, 1_024, 1_536, 10 * 1_024, 1_048_575, 1_048_576, 5e9, Number.MAX_SAFE_INTEGER].map(sizeText),
    ).toEqual(["0 B", "1 B", "1023 B", "1.0 KiB", "1.5 KiB", "10 KiB", "1.0 MiB", "1.0 MiB", "4.7 GiB", "8.0 PiB"]);
    expect(speedText(2_202_009)).toBe("2.1 MiB/s");
  });

  it("show durations as people say them", () => {
    expect([0, 0.4, 59.4, 59.6, 61, 120, 3_599, 3_600, 5_400, 7_199].map(durationText)).toEqual([
      "0 s",
      "0 s",
      "59 s",
      "1 min",
      "1 min 1 s",
      "2 min",
      "59 min 59 s",
      "1 h",
      "1 h 30 min",
      "2 h",
    ]);
  });

  it("never call a part everything, nor something nothing", () => {
    expect([0, 0.001, 0.5, 0.999, 1].map(shareText)).toEqual(["0 %", "1 %", "50 %", "99 %", "100 %"]);
    expect([countText(1, "layer"), countText(2, "layer"), countText(2, "is", "are")]).toEqual([
      "1 layer",
      "2 layers",
      "2 are",
    ]);
  });

  it("are short and have no strange words for whatever number", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e15, noNaN: true }), (number) => {
        for (const text of [sizeText(number), durationText(number)]) {
          expect(text).toMatch(/^\d+(\.\d)? [a-zA-Z]+( \d+ [a-z]+)?$/);
        }
      }),
    );
  });
});
