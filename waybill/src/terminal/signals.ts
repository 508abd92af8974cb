import type { Logger } from "@waybill/foundation/telemetry";
import { InterruptedError } from "../errors/index.ts";

/** What asks a program to end from outside. A demonstration also ends with its terminal (SIGHUP). */
type EndingSignal = "SIGINT" | "SIGTERM" | "SIGHUP";

/**
 * Resolves with the first of these signals. A second one ends the process at once, for people who do not want to wait
 * until everything has drained (exit code 130).
 */
export function endingSignal(names: readonly EndingSignal[] = ["SIGINT", "SIGTERM"]): Promise<EndingSignal> {
  return new Promise((resolve) => {
    let asked = false;
    for (const name of names) {
      process.on(name, () => {
        if (asked) process.exit(130);
        asked = true;
        resolve(name);
      });
    }
  });
}

/** Waits for SIGINT or SIGTERM, then closes. */
export async function closeOnSignal(log: Logger, close: () => Promise<void>): Promise<void> {
  const signal = await endingSignal();
  log.info({ signal }, "shutting down");
  await close();
  log.info("ended");
}

/**
 * Work that Ctrl-C ends well: the signal is aborted, and what the work rejects with then is told as an interruption. A
 * second Ctrl-C ends the process at once.
 * @param advice what to do about having been interrupted
 */
export async function interruptible<T>(advice: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const ending = new AbortController();
  void endingSignal().then(() => ending.abort());
  try {
    return await work(ending.signal);
  } catch (error) {
    if (!ending.signal.aborted) throw error;
    throw new InterruptedError("interrupted", advice, { cause: error });
  }
}
