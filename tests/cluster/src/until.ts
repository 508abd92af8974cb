import { setTimeout as sleep } from "node:timers/promises";

interface Patience {
  /** When we stop hoping, no promise about speed: 240,000 unless said otherwise. */
  readonly limitMs?: number;
}

const usualLimitMs = 240_000;
const betweenLooksMs = 50;

/** Asks again and again until the answer is true. Giving up, it says how things are, as `state` tells. */
export async function until(
  what: string,
  ask: () => Promise<boolean | undefined>,
  options: Patience & { readonly state?: () => Promise<string> } = {},
): Promise<void> {
  const deadline = performance.now() + (options.limitMs ?? usualLimitMs);
  while ((await ask()) !== true) {
    if (performance.now() > deadline) {
      const state = await options.state?.().catch(String);
      throw new Error(`gave up waiting for ${what}${state === undefined ? "" : `:\n${state}`}`);
    }
    await sleep(betweenLooksMs);
  }
}

/**
 * Reads again and again what somebody else writes, until it is as wished, and answers that. A reading that fails is no
 * answer yet. Giving up, it says what it read last.
 */
export async function readUntil<Value>(
  what: string,
  read: () => Promise<Value>,
  wished: (value: Value) => boolean,
  options: Patience = {},
): Promise<Value> {
  const deadline = performance.now() + (options.limitMs ?? usualLimitMs);
  for (;;) {
    const last = await read().then(
      (value) => ({ good: wished(value), value }),
      (error: unknown) => ({ good: false as const, error }),
    );
    if (last.good) return last.value;
    if (performance.now() > deadline) {
      const words = "error" in last ? String(last.error) : wordsOf(last.value);
      throw new Error(`gave up waiting for ${what}; last:\n${words}`);
    }
    await sleep(betweenLooksMs);
  }
}

function wordsOf(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value, undefined, 1) ?? String(value));
}
