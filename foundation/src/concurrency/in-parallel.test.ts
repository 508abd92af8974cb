import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, it } from "vitest";
import { inParallel } from "./index.ts";

async function turns(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await nextTurn();
}

/** Counts what is under way. */
function counted(work: (item: number) => Promise<void>) {
  const seen = { most: 0, now: 0, begun: [] as number[] };
  const one = async (item: number): Promise<void> => {
    seen.begun.push(item);
    seen.most = Math.max(seen.most, ++seen.now);
    try {
      await work(item);
    } finally {
      seen.now--;
    }
  };
  return { seen, one };
}

it("works on every item once, on so many at a time and no more", async () => {
  for (const items of [[0, 1, 2, 3, 4, 5, 6], numbers(7)]) {
    const { seen, one } = counted(turns);
    await inParallel(items, 3, one);
    expect(seen).toEqual({ most: 3, now: 0, begun: [0, 1, 2, 3, 4, 5, 6] });
  }
});

it("begins nothing after a failure, and rejects when nothing is under way any more", async () => {
  let isEnded = false;
  async function* endless(): AsyncGenerator<number> {
    try {
      for (let next = 0; ; next++) yield next;
    } finally {
      isEnded = true;
      await nextTurn();
    }
  }
  const { seen, one } = counted(async (item) => {
    if (item === 4) throw new Error("four");
    await turns();
  });
  await expect(inParallel(endless(), 3, one)).rejects.toThrow("four");
  expect(seen.now).toBe(0);
  expect(seen.begun.length).toBeLessThan(8);
  expect(isEnded).toBe(true);
});

it("rejects with what the items fail with", async () => {
  async function* broken(): AsyncGenerator<number> {
    yield 1;
    await nextTurn();
    throw new Error("no more of them");
  }
  const { seen, one } = counted(() => nextTurn());
  await expect(inParallel(broken(), 2, one)).rejects.toThrow("no more of them");
  expect(seen.now).toBe(0);
});

async function* numbers(count: number): AsyncGenerator<number> {
  for (let next = 0; next < count; next++) {
    await nextTurn();
    yield next;
  }
}
