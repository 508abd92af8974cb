/** How long to wait after failures. Pure, so that a test can say what a thousand agents do after a server restart. */
export interface BackOff {
  readonly firstMs: number;
  readonly longestMs: number;
}

export const reportBackOff: BackOff = { firstMs: 500, longestMs: 30_000 };

/**
 * Milliseconds to wait after the `failures`-th failure in a row (1, 2, …). `random` is in [0, 1): agents that lost the
 * server at the same moment come back spread over half the time or more.
 */
export function backOffMs(failures: number, random: number, backOff: BackOff = reportBackOff): number {
  const ceiling = Math.min(backOff.longestMs, backOff.firstMs * 2 ** Math.min(Math.max(failures, 1) - 1, 20));
  return Math.round(ceiling * (0.5 + random / 2));
}
