import * as fc from "fast-check";
import { expect, it } from "vitest";
import { readRetryAfter } from "./retry-after.ts";
import { defaultRetryPolicy as policy, waitBefore } from "./retry.ts";

const now = Date.UTC(2026, 10, 21, 12, 0, 0);

it.each([
  ["0", 0],
  ["7", 7000],
  [" 120 ", 120_000],
  ["Sat, 21 Nov 2026 12:00:30 GMT", 30_000],
  ["Sat, 21 Nov 2026 11:00:00 GMT", 0],
  [undefined, undefined],
  ["", undefined],
  ["-1", undefined],
  ["1.5", undefined],
  ["soon", undefined],
  ["1e9", undefined],
  ["2026-11-21", undefined],
  ["99999999999999999999", undefined],
  ["Foo, 99 Bar 2026 99:99:99 GMT", undefined],
])("Retry-After: %s asks for %s ms", (header, expected) => {
  expect(readRetryAfter(header, now)).toBe(expected);
});

it("whoever is asked to stay away does, with the usual wait on top, but never for more than a third of the time there is", () => {
  const random = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), random, fc.nat(1e12), (attempt, drawn, askedMs) => {
      const wait = waitBefore(attempt, policy, drawn, askedMs);
      expect(wait).toBeGreaterThanOrEqual(Math.min(askedMs, policy.giveUpAfterMs / 3));
      expect(wait).toBeLessThanOrEqual(policy.giveUpAfterMs / 3 + policy.longestWaitMs);
      expect(wait).toBeGreaterThanOrEqual(waitBefore(attempt, policy, drawn));
    }),
  );
});
