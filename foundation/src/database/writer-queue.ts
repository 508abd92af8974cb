import { DatabaseUnavailable } from "./failure.ts";

/**
 * Lets one in at a time, in the order of arrival. SQLite has one writer: waiting here costs nothing, while waiting inside
 * SQLite would stop the whole process.
 */
export class WriterQueue {
  readonly #waiting = new Set<() => void>();
  #busySince: number | undefined;

  /** Resolves with the function that lets the next one in; calling that twice is harmless. */
  async enter(timeoutMs: number): Promise<() => void> {
    if (this.#busySince !== undefined) await this.#turn(timeoutMs);
    this.#busySince = performance.now();
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#leave();
    };
  }

  #turn(timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(enter);
        const heldMs = Math.round(performance.now() - (this.#busySince ?? performance.now()));
        reject(
          new DatabaseUnavailable(
            "timeout",
            `Waited ${timeoutMs} ms for the writer of the database, with ${this.#waiting.size} more in the queue; ` +
              `the transaction in front has been open for ${heldMs} ms.`,
          ),
        );
      }, timeoutMs);
      this.#waiting.add(enter);
    });
  }

  #leave(): void {
    // Stays busy until the next one has entered: nobody who arrives meanwhile may overtake.
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#busySince = undefined;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
