/**
 * Bytes per second over the last few seconds. A window is plain data: a few samples of a growing counter, in
 * milliseconds of the server's clock, because an agent's clock may jump.
 */
export interface SpeedSample {
  /** Milliseconds. */
  readonly at: number;
  readonly bytes: number;
}
export type SpeedWindow = readonly SpeedSample[];

const windowMs = 5_000;
/** Samples closer than this are left out: several reports in one moment would give absurd speeds. */
const closestMs = 200;
const shortestSpanMs = 500;

/**
 * Adds a sample. A counter that fell (a download begun again) or a clock that went backwards starts the window anew.
 * One sample older than the window stays as its beginning, so that agents that report every 10 s have a speed too.
 */
export function addSample(window: SpeedWindow, at: number, bytes: number, spanMs: number = windowMs): SpeedWindow {
  const last = window.at(-1);
  if (last === undefined || bytes < last.bytes || at < last.at) return [{ at, bytes }];
  if (at - last.at < closestMs) return window;
  let from = 0;
  while (from + 1 < window.length && at - (window[from + 1]?.at ?? at) >= spanMs) from += 1;
  return window.slice(from).concat({ at, bytes });
}

/** Bytes per second, a whole number; 0 until two samples lie half a second apart. Never negative, never NaN. */
export function speedOf(window: SpeedWindow): number {
  const first = window[0];
  const last = window.at(-1);
  if (first === undefined || last === undefined) return 0;
  const span = last.at - first.at;
  return span < shortestSpanMs
    ? 0
    : Math.min(Number.MAX_SAFE_INTEGER, Math.round(((last.bytes - first.bytes) * 1000) / span));
}

/** Milliseconds from the first to the last sample. */
export function spanOf(window: SpeedWindow): number {
  return (window.at(-1)?.at ?? 0) - (window[0]?.at ?? 0);
}
