import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { createFileClock, gridDistance } from "./file-clock.ts";

const readings = (times: readonly (bigint | undefined)[]) => {
  const left = [...times];
  const clock = createFileClock({ sample: () => left.shift() });
  return times.map(() => clock.read());
};

describe("the clock of files", () => {
  it("is told after three ticks that stand alike in their millisecond", () => {
    expect(readings([4_000_687_000n, 4_252_687_002n, 4_500_687_001n])).toEqual([undefined, undefined, 0.687001]);
  });

  it("counts a tick once, however often it is looked at", () => {
    expect(readings([687_000n, 687_000n, 687_000n, 687_000n])).toEqual(Array(4).fill(undefined));
  });

  it("is not told where ticks have no grid of milliseconds, nor without procfs", () => {
    expect(readings([1_000_000n, 4_333_333n, 7_666_666n, 11_000_000n])).toEqual(Array(4).fill(undefined));
    expect(readings([undefined, undefined])).toEqual([undefined, undefined]);
  });

  it("is told again when it was set and four ticks have gone by", () => {
    const told = readings([687_000n, 1_687_000n, 2_687_000n, 3_100_000n, 4_100_000n, 5_100_000n, 6_100_000n]);
    expect(told.map((one) => one !== undefined)).toEqual([false, false, true, false, false, false, true]);
  });

  it("goes around the full millisecond", () => {
    expect(gridDistance(0.999, 0.003)).toBeCloseTo(0.004);
    expect(gridDistance(0.25, 0.75)).toBe(0.5);
  });

  it("on this machine, when it is told, is that of a file just written", async () => {
    const folder = await mkdtemp(join(tmpdir(), "file-clock-"));
    try {
      const clock = createFileClock();
      let told: number | undefined;
      for (let look = 0; look < 6; look += 1) {
        told = clock.read();
        await delay(15);
      }
      const file = join(folder, "file");
      await writeFile(file, "x");
      const written = Number((await stat(file, { bigint: true })).mtimeNs % 1_000_000n) / 1e6;
      const after = clock.read();
      if (told === undefined) console.log("the clock of files cannot be told on this machine: nothing to compare");
      // A clock that is being set moves its grid; between the two readings as far as they are apart.
      const moved = told === undefined || after === undefined ? 0 : gridDistance(told, after);
      expect(gridDistance(told ?? written, written)).toBeLessThan(0.01 + moved);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
