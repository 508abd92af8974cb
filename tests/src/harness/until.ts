import { setTimeout as sleep } from "node:timers/promises";

/**
 * Asks again and again until the answer is there. The limit is not a promise about speed: it is when we stop hoping.
 */
export async function until<T>(
  what: string,
  ask: () => T | undefined | Promise<T | undefined>,
  options: {
    readonly limitMs?: number;
    /** How things are, for when it is given up. */
    readonly state?: () => string | Promise<string>;
  } = {},
): Promise<T> {
  const deadline = performance.now() + (options.limitMs ?? 150_000);
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > deadline) {
      const state = options.state === undefined ? "" : `; now:\n${await options.state()}`;
      throw new Error(`gave up waiting for: ${what}${state}`);
    }
    await sleep(100);
  }
}
