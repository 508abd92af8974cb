/** Runs `work` on every item, at most `most` at once. The first failure stops what has not begun, and is thrown. */
export async function inParallel<T>(items: Iterable<T>, most: number, work: (item: T) => Promise<void>): Promise<void> {
  const rest = items[Symbol.iterator]();
  let failed = false;
  async function worker(): Promise<void> {
    for (let next = rest.next(); next.done !== true && !failed; next = rest.next()) {
      try {
        await work(next.value);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  }
  const results = await Promise.allSettled(Array.from({ length: most }, worker));
  for (const result of results) if (result.status === "rejected") throw result.reason;
}
