import { setTimeout as sleep } from "node:timers/promises";

/**
 * Asks again and again until the answer is there. The limit is not a promise about speed: it is when we stop hoping.
 */
export async function until<T>(
  what: string,
  ask: () => T | undefined | Promise<T | undefined>,
  limitMs = 120_000,
): Promise<T> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > deadline) throw new Error(`gave up waiting for: ${what}`);
    await sleep(100);
  }
}
