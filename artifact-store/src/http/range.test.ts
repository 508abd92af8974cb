import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseChunkRange, parseRangeHeader } from "./range.ts";

describe("ranges in headers", () => {
  it("reads what it can write, and nothing else", () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (a, b) => {
        const [start, end] = a < b ? [a, b] : [b, a];
        expect(parseRangeHeader(`bytes=${start}-${end}`)).toEqual({ start, end });
        expect(parseRangeHeader(`bytes=${start}-`)).toEqual({ start });
        expect(parseRangeHeader(`bytes=-${start}`)).toEqual({ suffix: start });
        expect(parseChunkRange(`${start}-${end}`)).toEqual({ start, length: end - start + 1 });
      }),
    );
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(/^\d+-\d+$/.test(text) || parseChunkRange(text) === undefined).toBe(true);
        expect(/^\d*-\d*$/.test(text) || parseRangeHeader(`bytes=${text}`) === undefined).toBe(true);
      }),
    );
  });
});
