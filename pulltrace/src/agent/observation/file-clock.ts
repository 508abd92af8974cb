import { closeSync, lstatSync, openSync } from "node:fs";

/**
 * Where the kernel's clock for files stands within its millisecond.
 *
 * The time of a written file is the time of the last tick (1, 4 or 10 ms apart), so the fractions of a millisecond of
 * all of them are the same for minutes. A time that a program takes itself has any fraction. That tells whether a time
 * that containerd gives is the file's (somebody has it open) or containerd's own stamp (it was closed).
 */
export interface FileClock {
  /** Milliseconds in [0, 1); undefined while it cannot be told (no such grid here, or too few looks at it). */
  read(): number | undefined;
}

/** Fractions that belong to one grid differ by less, in milliseconds; clocks that are being corrected drift a little. */
export const fileClockTolerance = 0.01;
const samplesKept = 4;
const fewestSamples = 3;

export function createFileClock(options: { readonly sample?: () => bigint | undefined } = {}): FileClock {
  const sample = options.sample ?? timeOfNewFile;
  let samples: bigint[] = [];
  return {
    read() {
      const now = sample();
      if (now === undefined) return undefined;
      // Two samples of one tick are one.
      if (samples.at(-1) !== now) samples = [...samples, now].slice(-samplesKept);
      const fractions = samples.map((one) => Number(one % 1_000_000n) / 1e6);
      const last = fractions.at(-1);
      if (last === undefined || fractions.length < fewestSamples) return undefined;
      return fractions.every((one) => gridDistance(one, last) <= fileClockTolerance) ? last : undefined;
    },
  };
}

/** How far two fractions of a millisecond are apart: 0 … 0.5. */
export function gridDistance(one: number, other: number): number {
  const apart = Math.abs(one - other) % 1;
  return Math.min(apart, 1 - apart);
}

/**
 * procfs makes a file's entry at the first look at it and gives it the time of then. Nothing is written, so this works
 * on a read-only file system too; 20 µs.
 */
function timeOfNewFile(): bigint | undefined {
  try {
    const descriptor = openSync("/proc/self/stat", "r");
    const path = `/proc/self/fd/${descriptor}`;
    const time = lstatSync(path, { bigint: true }).mtimeNs;
    closeSync(descriptor);
    // The next file of this number shall be a new one: procfs forgets an entry when it is looked at in vain.
    lstatSync(path, { throwIfNoEntry: false });
    return time;
  } catch {
    return undefined;
  }
}
