import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { agentClock, agentTime } from "./agent-clock.ts";
import { etaOf, percentOf } from "./progress.ts";
import { addSample, speedOf, type SpeedWindow } from "./speed.ts";
import { tenantLookup, tenantNameOf } from "./tenant.ts";
import { noon } from "./testing/reports.ts";

const windowOf = (...samples: readonly (readonly [at: number, bytes: number])[]): SpeedWindow =>
  samples.reduce<SpeedWindow>((window, [at, bytes]) => addSample(window, at, bytes), []);

describe("speed", () => {
  it("is the growth over the last five seconds", () => {
    expect(speedOf(windowOf([0, 0], [1_000, 100], [2_000, 300]))).toBe(150);
    expect(
      speedOf(
        windowOf(
          [0, 0],
          [1_000, 9_000],
          [2_000, 9_000],
          [3_000, 9_000],
          [4_000, 9_000],
          [5_000, 9_000],
          [6_000, 9_000],
        ),
      ),
    ).toBe(0);
  });

  it("is zero until two samples lie half a second apart", () => {
    expect(speedOf([])).toBe(0);
    expect(speedOf(windowOf([0, 5_000]))).toBe(0);
    expect(speedOf(windowOf([0, 0], [300, 5_000]))).toBe(0);
  });

  it("does not run wild when several reports come in one moment", () => {
    expect(speedOf(windowOf([0, 0], [1_000, 1_000], [1_001, 90_000], [1_002, 180_000]))).toBe(1_000);
  });

  it("begins anew when the counter falls or the clock goes backwards", () => {
    expect(speedOf(windowOf([0, 500], [1_000, 0]))).toBe(0);
    expect(speedOf(windowOf([9_000, 0], [1_000, 500]))).toBe(0);
    expect(speedOf(windowOf([9_000, 0], [1_000, 500], [2_000, 700]))).toBe(200);
  });

  it("is known for agents that report more seldom than the window is long", () => {
    expect(speedOf(windowOf([0, 0], [10_000, 1_000], [20_000, 3_000]))).toBe(200);
  });

  it("is a whole number of at least zero whatever comes, and its window stays small", () => {
    const sample = fc.tuple(fc.maxSafeNat(), fc.maxSafeNat());
    const steady = fc.array(fc.tuple(fc.nat(400), fc.nat(1e6))).map((steps) => {
      let [at, bytes] = [0, 0];
      return steps.map(([pause, more]) => [(at += pause), (bytes += more)] as const);
    });
    fc.assert(
      fc.property(fc.oneof(fc.array(sample), steady), (samples) => {
        const window = windowOf(...samples);
        expect(Number.isSafeInteger(speedOf(window)) && speedOf(window) >= 0).toBe(true);
        expect(window.length).toBeLessThanOrEqual(27);
      }),
    );
  });
});

describe("percent and time left", () => {
  it("percent is cut to one digit, never falls, and leaves 100 to what is complete", () => {
    expect(percentOf(1, 3, true, 0)).toBe(33.3);
    expect(percentOf(9_999, 10_000, true, 0)).toBe(99.9);
    expect(percentOf(10_000, 10_000, true, 0)).toBe(99.9);
    expect(percentOf(10, 100, true, 40)).toBe(40);
  });

  it("percent does not move while the total is unknown", () => {
    expect(percentOf(500, 0, false, 0)).toBe(0);
    expect(percentOf(500, 0, true, 12)).toBe(12);
    expect(percentOf(500, 100, false, 12)).toBe(12);
  });

  it("time left is said only when it can be known", () => {
    expect(etaOf(1_000, 100, true)).toBe(10);
    expect(etaOf(1_001, 100, true)).toBe(11);
    expect(etaOf(1_000, 0, true)).toBe(-1);
    expect(etaOf(1_000, 100, false)).toBe(-1);
    expect(etaOf(0, 0, true)).toBe(0);
    expect(etaOf(2 ** 50, 1, true)).toBe(-1);
  });
});

describe("the clock of an agent", () => {
  const at = (offset: number): string => new Date(noon + offset).toISOString();

  it("is believed within what the server knows to be possible", () => {
    const clock = agentClock(at(0), noon);
    expect(agentTime(clock, at(-5_000), noon)).toBe(noon - 5_000);
    expect(agentTime(clock, at(60_000), noon)).toBe(noon);
    expect(agentTime(clock, at(-5_000), noon, noon - 1_000)).toBe(noon - 1_000);
    expect(agentTime(clock, undefined, 7)).toBe(7);
  });

  it("is set right when it is ahead", () => {
    expect(agentTime(agentClock(at(3_600_000), noon), at(3_600_000 - 5_000), noon)).toBe(noon - 5_000);
    expect(agentTime(agentClock(at(1_000), noon), at(-5_000), noon)).toBe(noon - 5_000);
  });

  it("a zero time, or one of long ago, is none", () => {
    const clock = agentClock(at(0), noon);
    expect(agentTime(clock, "0001-01-01T00:00:00Z", noon)).toBe(noon);
    expect(agentTime(clock, "1970-01-01T00:00:00Z", noon)).toBe(noon);
  });
});

describe("tenant of a reference", () => {
  it.each([
    ["registry.example:5000/team-a/shop:1.0", "team-a"],
    ["127.0.0.1:5614/team/a/b/c@sha256:00", "team"],
    ["[::1]:5000/team/a", "team"],
    ["localhost/team/a", "team"],
    ["localhost:80/team/a:x", "team"],
    ["team/a:1", "team"],
    ["docker.io/library/nginx", "library"],
    ["registry.example/nginx:1", undefined],
    ["nginx", undefined],
    ["nginx:1.2", undefined],
    ["host.example//a", undefined],
    ["@", undefined],
    ["/", undefined],
  ])("%s → %s", (reference, tenant) => {
    expect(tenantNameOf(reference)).toBe(tenant);
  });

  it("is shown only when a tenant has that name", () => {
    const lookup = tenantLookup({ known: (name) => name === "team" });
    expect([lookup("h.example/team/a"), lookup("h.example/other/a"), lookup("h.example/team")]).toEqual([
      "team",
      undefined,
      undefined,
    ]);
    expect(tenantLookup(undefined)("h.example/team/a")).toBeUndefined();
  });
});
