import { setTimeout as sleep } from "node:timers/promises";
import { ConnectionError } from "../store-access/index.ts";

const waitsMs = [200, 500, 1000, 2000, 4000];

/**
 * Tries again after a connection that was cut, each time a little later; anything else is an answer, and thrown.
 * @param work answers whether it came further than before: then the waiting begins anew
 */
export async function persistently<T>(
  signal: AbortSignal,
  work: () => Promise<T>,
  progressed: () => boolean,
): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof ConnectionError)) throw error;
      if (progressed()) attempt = 0;
      const wait = waitsMs[attempt];
      if (wait === undefined) throw error;
      await sleep(wait, undefined, { signal });
    }
  }
}
