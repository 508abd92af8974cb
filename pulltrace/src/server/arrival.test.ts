import { describe, expect, it } from "vitest";
import { addArrival, arrivalOf } from "./arrival.ts";
import type { SpeedWindow } from "./speed.ts";

const MiB = 1024 * 1024;

/** A window after so many seconds of samples of what had arrived by then. */
function windowOf(seconds: number, arrivedBy: (second: number) => number): SpeedWindow {
  let window: SpeedWindow = [];
  for (let second = 0; second <= seconds; second += 1) window = addArrival(window, second * 1_000, arrivedBy(second));
  return window;
}
/** 1 MiB each ten seconds. */
const pieces = (second: number): number => Math.floor(second / 10) * MiB;

describe("the speed at which bytes arrive on a node", () => {
  it("is that from piece to piece, whenever it is looked at, and says how long the next one has been coming", () => {
    for (let second = 30; second < 120; second += 1) {
      const { bytesPerSec, unseenMs } = arrivalOf(windowOf(second, pieces));
      expect(bytesPerSec).toBe(Math.round(MiB / 10));
      expect(unseenMs).toBe((second % 10) * 1_000);
    }
  });

  it("falls when the next piece does not come", () => {
    const stuck = (second: number): number => pieces(Math.min(second, 60));
    expect(arrivalOf(windowOf(74, stuck)).bytesPerSec).toBe(Math.round(MiB / 10));
    const late = arrivalOf(windowOf(90, stuck));
    expect(late).toEqual({ bytesPerSec: Math.round((6 * MiB) / 90), unseenMs: 0 });
  });

  it("follows a fast link within twenty seconds", () => {
    const change = (second: number): number => (second <= 60 ? 20 : 5) * MiB * second + (second <= 60 ? 0 : 900 * MiB);
    expect(arrivalOf(windowOf(60, change))).toEqual({ bytesPerSec: 20 * MiB, unseenMs: 0 });
    expect(arrivalOf(windowOf(81, change))).toEqual({ bytesPerSec: 5 * MiB, unseenMs: 0 });
  });

  it("is not known in the first two seconds and where nothing has come", () => {
    expect(arrivalOf([])).toEqual({ bytesPerSec: 0, unseenMs: 0 });
    expect(arrivalOf(windowOf(1, (second) => second * MiB)).bytesPerSec).toBe(0);
    expect(arrivalOf(windowOf(60, () => 0)).bytesPerSec).toBe(0);
  });
});
