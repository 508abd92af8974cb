/** How long a change by another process may go unseen. */
const POLL_MS = 1000;

interface Waiter {
  readonly after: number;
  readonly wake: () => void;
}

/**
 * Everybody who waits for a stream to grow. What this process commits is told by `grown`; one query a second, for all of
 * them together, finds what others commit. Nobody waits, nobody asks.
 */
export class Waiters {
  readonly #newest: () => Promise<number>;
  readonly #waiting = new Set<Waiter>();
  #seen = 0;
  #poll: NodeJS.Timeout | undefined;
  #asking = false;
  #askAgain = false;

  constructor(newest: () => Promise<number>) {
    this.#newest = newest;
  }

  /** The stream reaches up to `number` now, as everybody can see. */
  grown(number: number): void {
    if (number <= this.#seen) return;
    this.#seen = number;
    for (const waiter of this.#waiting) if (waiter.after < number) waiter.wake();
  }

  /** Resolves when the stream is beyond `after`, the time is over, or a signal is aborted. */
  wait(after: number, timeoutMs: number, signals: readonly AbortSignal[]): Promise<void> {
    if (this.#seen > after || timeoutMs <= 0 || signals.some((signal) => signal.aborted)) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        for (const signal of signals) signal.removeEventListener("abort", wake);
        this.#waiting.delete(waiter);
        if (this.#waiting.size === 0) this.#rest();
        resolve();
      };
      const waiter: Waiter = { after, wake };
      const timer = setTimeout(wake, timeoutMs);
      for (const signal of signals) signal.addEventListener("abort", wake, { once: true });
      this.#waiting.add(waiter);
      this.#poll ??= setInterval(() => void this.#ask(), POLL_MS);
      // Another process may have written between the caller's last read and now.
      void this.#ask();
    });
  }

  #rest(): void {
    clearInterval(this.#poll);
    this.#poll = undefined;
  }

  /** One question at a time; those who come while one is under way are served by one more. */
  async #ask(): Promise<void> {
    if (this.#asking) {
      this.#askAgain = true;
      return;
    }
    this.#asking = true;
    do {
      this.#askAgain = false;
      try {
        this.grown(await this.#newest());
      } catch {
        // The database is away. The next question comes in a second, and whoever reads meanwhile is told the reason.
      }
    } while (this.#askAgain && this.#waiting.size > 0);
    this.#asking = false;
  }
}
