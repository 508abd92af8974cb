import { setTimeout as sleep } from "node:timers/promises";

/**
 * Asks again and again until the answer is neither undefined nor false. The limit is when we stop hoping; `state` then
 * says how things are.
 */
export async function until(
  what: string,
  ask: () => Promise<boolean | undefined>,
  options: { readonly limitMs?: number; readonly state?: () => Promise<string> } = {},
): Promise<void> {
  const deadline = performance.now() + (options.limitMs ?? 120_000);
  while ((await ask()) !== true) {
    if (performance.now() > deadline) {
      const state = await options.state?.().catch(String);
      throw new Error(`gave up waiting for ${what}${state === undefined ? "" : `:\n${state}`}`);
    }
    await sleep(50);
  }
}
