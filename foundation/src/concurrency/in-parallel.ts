/**
 * Runs `work` on every item, at most `most` at once, and takes an item from where they come from only when one can begin. The
 * first failure, also of the items themselves, stops what has not begun; it is thrown when nothing is under way any more.
 */
export async function inParallel<T>(
  items: Iterable<T> | AsyncIterable<T>,
  most: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const rest = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  let failed = false;
  async function worker(): Promise<void> {
    try {
      for (;;) {
        const next = await rest.next();
        if (next.done === true || failed) return;
        await work(next.value);
      }
    } catch (error) {
      failed = true;
      throw error;
    }
  }
  const results = await Promise.allSettled(Array.from({ length: most }, worker));
  if (failed) await rest.return?.();
  for (const result of results) if (result.status === "rejected") throw result.reason;
}
