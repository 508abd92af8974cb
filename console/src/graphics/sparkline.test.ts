import { array, assert, double, property } from "fast-check";
import { describe, expect, it } from "vitest";
import { sparkline } from "./index.ts";

describe("the small line", () => {
  it("stays in its box, whatever the figures", () => {
    assert(
      property(array(double(), { maxLength: 80 }), (values) => {
        const { line } = sparkline(values, 40, 100, 24);
        for (const [, x, y] of line.matchAll(/([\d.-]+) ([\d.-]+)/g)) {
          expect(Number(x)).toBeGreaterThanOrEqual(0);
          expect(Number(x)).toBeLessThanOrEqual(100);
          expect(Number(y)).toBeGreaterThanOrEqual(1);
          expect(Number(y)).toBeLessThanOrEqual(23);
        }
      }),
    );
  });

  it("ends at the right and does not stretch while it is short", () => {
    expect(sparkline([5], 40, 100, 24).line).toBe("");
    expect(sparkline([0, 10], 3, 100, 24).line).toBe("M50 23L100 1");
    expect(sparkline([0, 0], 3, 100, 24).line).toBe("M50 23L100 23");
  });
});
