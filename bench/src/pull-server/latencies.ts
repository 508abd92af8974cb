/** Milliseconds, counted in steps of one: millions of them cost nothing. */
export interface Latencies {
  /** How many took 0, 1, 2… ms; the last one holds all that took longer. */
  readonly counts: readonly number[];
}

const longestMs = 60_000;

export class LatencyCounter implements Latencies {
  readonly counts: number[] = Array.from({ length: longestMs + 1 }, () => 0);

  add(milliseconds: number, times = 1): void {
    const step = Math.max(0, Math.min(longestMs, Math.round(milliseconds)));
    this.counts[step] = (this.counts[step] ?? 0) + times;
  }

  addAll(other: Latencies): void {
    for (const [step, times] of other.counts.entries()) if (times > 0) this.add(step, times);
  }
}

/** Milliseconds that a part `p` (0..1) of all stayed within. */
export function quantile({ counts }: Latencies, p: number): number {
  const all = totalOf({ counts });
  let seen = 0;
  for (const [step, times] of counts.entries()) {
    seen += times;
    if (all > 0 && seen >= all * p) return step;
  }
  return Number.NaN;
}

export function totalOf({ counts }: Latencies): number {
  let all = 0;
  for (const times of counts) all += times;
  return all;
}
