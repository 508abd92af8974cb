import { describe, expect, it } from "vitest";
import { backOffAfter, failedBefore, lastTryOf, nextTryAt } from "./next-try.ts";
import { recordedBackOff, type ToldTry } from "./testing/recorded-back-off.ts";

const second = 1_000;

describe("nextTryAt", () => {
  it("is the last try, kubelet's back-off (10 s, doubled, at most 300 s) and half of a kubelet's round", () => {
    expect([1, 2, 3, 4, 5, 6, 7, 500].map(backOffAfter)).toEqual(
      [10, 20, 40, 80, 160, 300, 300, 300].map((seconds) => seconds * second),
    );
    expect(nextTryAt({ failedAt: 100_000, backOffMs: 40_000 }, 110_000)).toBe(146_250);
  });

  it("is not told when nothing is known of the last try, or long after it should have come", () => {
    expect(nextTryAt({}, 1)).toBeUndefined();
    expect(nextTryAt({ failedAt: 1 }, 1)).toBeUndefined();
    expect(nextTryAt({ failedAt: 0, backOffMs: 10_000 }, 76_250)).toBe(16_250);
    expect(nextTryAt({ failedAt: 0, backOffMs: 10_000 }, 76_251)).toBeUndefined();
  });
});

describe("lastTryOf", () => {
  it("takes the event's moment for the try that the status shows a round later", () => {
    const seen = { tries: 3, failedAt: failedBefore(114 * second, "later-try"), whole: true };
    expect(lastTryOf({ tries: 3, failedAt: 100 * second }, seen)).toEqual({
      tries: 3,
      failedAt: 100 * second,
      backOffMs: 40_000,
    });
    // The event of the next try is there before its status.
    expect(lastTryOf({ tries: 4, failedAt: 146 * second }, seen)).toMatchObject({ tries: 4, failedAt: 146 * second });
  });

  it("reckons the tries of which no event was told, unless all of them were seen", () => {
    const said = { tries: 3, failedAt: 0 };
    // The tries after 46, 133 and 299 s are missing.
    expect(lastTryOf(said, { tries: 1, failedAt: 302 * second, whole: false })).toEqual({
      tries: 4,
      failedAt: 302 * second,
      backOffMs: 300_000,
    });
    expect(lastTryOf(said, { tries: 4, failedAt: 302 * second, whole: true })?.backOffMs).toBe(80_000);
  });

  it("does not know the back-off of tries that nobody counted", () => {
    expect(lastTryOf(undefined, undefined)).toBeUndefined();
    expect(lastTryOf(undefined, { tries: 2, failedAt: 5, whole: true })?.backOffMs).toBe(20_000);
    const late = lastTryOf(undefined, { tries: 2, failedAt: 5, whole: false });
    expect(late).toEqual({ tries: 2, failedAt: 5 });
  });
});

describe("what is told of the next try, by the recording of a real kubelet", () => {
  const recorded = recordedBackOff();
  const startsAfter = [0, 100, 150, 200, 300, 400, 600];
  const wrong = ({ told, real }: ToldTry): number => (told === undefined ? Number.NaN : Math.abs(told - real) / second);
  const shown = (tells: readonly ToldTry[]): string =>
    tells.map((one) => `${one.image} ${new Date(one.at).toISOString()} ${wrong(one)} s`).join("\n");

  it.each(startsAfter)("is off by less than a round, for a server that began %i s later", (seconds) => {
    const tells = recorded.tellsOf({ startAfterMs: seconds * second, events: true });
    expect(tells.length).toBeGreaterThan(50);
    expect(shown(tells.filter((one) => !(wrong(one) < 15)))).toBe("");
    const sorted = tells.map(wrong).toSorted((a, b) => a - b);
    console.log(
      `begun after ${seconds} s: ${sorted.length} times, half within ${sorted[sorted.length >> 1]} s, most ${sorted.at(-1)} s`,
    );
    expect(sorted[sorted.length >> 1]).toBeLessThan(8);
  });

  it("is as good by the pod's status alone, when no event may be read", () => {
    const tells = recorded.tellsOf({ startAfterMs: 0, events: false });
    expect(tells.length).toBeGreaterThan(500);
    expect(shown(tells.filter((one) => !(wrong(one) < 20)))).toBe("");
  });

  it("is nothing for a server that neither saw the first tries nor may read events", () => {
    const tells = recorded.tellsOf({ startAfterMs: 200 * second, events: false });
    expect(tells.length).toBeGreaterThan(50);
    expect(tells.filter(({ told }) => told !== undefined)).toEqual([]);
  });
});
