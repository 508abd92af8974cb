import { setTimeout as sleep } from "node:timers/promises";
import { StoreError } from "../errors/index.ts";

/** How long to go on trying, and how long to wait in between. Milliseconds. */
export interface RetryPolicy {
  /** No new attempt after so long; a second one in any case, because the first may have taken all of it without an answer. */
  readonly giveUpAfterMs: number;
  /** The longest wait before the second attempt; it doubles with each. */
  readonly firstWaitMs: number;
  readonly longestWaitMs: number;
}

export const defaultRetryPolicy: RetryPolicy = { giveUpAfterMs: 30_000, firstWaitMs: 50, longestWaitMs: 3000 };

/** Whether the same request may succeed later without anybody doing anything. */
function isTransient(error: unknown): boolean {
  return error instanceof StoreError && error.code === "STORAGE_UNAVAILABLE";
}

/**
 * The wait before attempt `attempt + 1`: anything up to a bound that doubles. Waits that are drawn from the whole range
 * spread clients that failed together; ones with a little noise would keep them together. It comes on top of what the place
 * asked for, which all of them heard.
 * @param random 0 to 1
 * @param askedMs as the place said (`Retry-After`): up to a third of the time there is, so that it is tried more than once
 */
export function waitBefore(attempt: number, policy: RetryPolicy, random: number, askedMs = 0): number {
  const drawn = random * Math.min(policy.longestWaitMs, policy.firstWaitMs * 2 ** Math.min(attempt - 1, 20));
  return Math.ceil(Math.min(askedMs, policy.giveUpAfterMs / 3) + drawn);
}

/** Runs `work` until it succeeds, fails for good, or time is up. `work` must be harmless to repeat. */
export async function retrying<T>(
  work: (attempt: number) => Promise<T>,
  policy: RetryPolicy = defaultRetryPolicy,
  signal?: AbortSignal,
): Promise<T> {
  const giveUp = performance.now() + policy.giveUpAfterMs;
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(attempt);
    } catch (error) {
      const askedMs = error instanceof StoreError ? error.retryAfterMs : undefined;
      const wait = waitBefore(attempt, policy, Math.random(), askedMs);
      const isLate = attempt > 1 && performance.now() + wait >= giveUp;
      if (!isTransient(error) || signal?.aborted === true || isLate) throw error;
      await sleep(wait, undefined, signal === undefined ? {} : { signal });
    }
  }
}
