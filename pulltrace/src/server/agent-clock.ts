/**
 * What to make of a time that an agent sent. Its clock may be wrong or jump; the server's clock orders everything, and
 * an agent's time is only used where it can be true.
 */
export interface AgentClock {
  /** Milliseconds of the server's clock when the report came in. */
  readonly now: number;
  /** Milliseconds by which the agent's clock is ahead; 0 when it is not, or too little to matter. */
  readonly aheadMs: number;
}

const toleratedMs = 2_000;
/** No pull runs longer: an older start (a zero time, a clock that began in 1970) is not one. */
const oldestMs = 24 * 3600 * 1000;

/**
 * A report stamped in the future can only come from a clock that is ahead. One stamped in the past may just as well
 * have waited through an outage, so a clock that is behind is not corrected.
 */
export function agentClock(reportTimestamp: string, now: number): AgentClock {
  const ahead = Date.parse(reportTimestamp) - now;
  return { now, aheadMs: ahead > toleratedMs ? ahead : 0 };
}

/** Milliseconds of the server's clock between `earliest` and now, or `otherwise` for a time that cannot be true. */
export function agentTime(
  clock: AgentClock,
  text: string | undefined,
  otherwise: number,
  earliest = clock.now - oldestMs,
): number {
  if (text === undefined) return otherwise;
  const time = Date.parse(text) - clock.aheadMs;
  if (Number.isNaN(time) || time < clock.now - oldestMs) return otherwise;
  return Math.max(earliest, Math.min(clock.now, time));
}
