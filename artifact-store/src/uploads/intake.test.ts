import { randomBytes } from "node:crypto";
import { setImmediate as turnOfTheLoop } from "node:timers/promises";
import * as fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import type { StageWriter } from "../blobs/index.ts";
import { digestOf, HashPool } from "../digest/index.ts";
import { Intake } from "./intake.ts";

/** A stage in memory that looks at the bytes it was given only when a slow disk would. */
function slowWriter(turns: number, fail: () => void = () => undefined): { writer: StageWriter; written: Buffer[] } {
  const written: Buffer[] = [];
  const nothing = (): Promise<undefined> => Promise.resolve(undefined);
  const writer: StageWriter = {
    size: () => Promise.resolve(Buffer.concat(written).byteLength),
    async write(chunks) {
      for (let turn = 0; turn < turns; turn++) await turnOfTheLoop();
      fail();
      for (const chunk of chunks) written.push(Buffer.from(chunk));
    },
    flush: nothing,
    savedHash: nothing,
    commit: (key) => Promise.resolve(key),
    close: nothing,
  };
  return { writer, written };
}

function* cut(bytes: Buffer, sizes: readonly number[]): Generator<Buffer> {
  let at = 0;
  for (let turn = 0; at < bytes.byteLength; turn++) {
    const size = sizes[turn % sizes.length] ?? 1;
    yield Buffer.from(Uint8Array.from(bytes.subarray(at, at + size)).buffer);
    at += size;
  }
}

async function* chunksOf(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  for (const chunk of cut(bytes, sizes)) {
    await Promise.resolve();
    yield chunk;
  }
}

describe("the way of bytes into a blob", () => {
  const pool = new HashPool(1);
  afterAll(() => pool.close());
  const intake = new Intake({ largestBlobBytes: 1024 ** 4 });

  it("writes and hashes what came, however it is cut, however slow the disk is, and however many come at once", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            size: fc.integer({ min: 0, max: 3_000_000 }),
            sizes: fc.array(fc.integer({ min: 500, max: 1_500_000 }), { minLength: 1, maxLength: 4 }),
            turns: fc.integer({ min: 0, max: 20 }),
            givenAway: fc.boolean(),
          }),
          { minLength: 1, maxLength: 12 },
        ),
        async (uploads) => {
          const take = async (upload: (typeof uploads)[number]): Promise<void> => {
            const bytes = randomBytes(upload.size);
            const hasher = pool.hasher("sha256");
            const { writer, written } = slowWriter(upload.turns);
            const source = { chunks: chunksOf(bytes, upload.sizes), givenAway: upload.givenAway, length: bytes.length };
            const taken = await intake.takeIn(source, 0, writer, hasher);
            expect(taken).toEqual({ end: bytes.length, broken: undefined });
            expect(Buffer.concat(written).equals(bytes)).toBe(true);
            expect(await hasher.digest()).toBe(digestOf(bytes));
          };
          await Promise.all(uploads.map(take));
        },
      ),
      { numRuns: 15 },
    );
  });

  it("at a boundary everything that was taken is written and hashed", async () => {
    const bytes = randomBytes(700_000);
    const hasher = pool.resumableHasher("sha256");
    const { writer, written } = slowWriter(3);
    const ends: number[] = [];
    const make = async (): Promise<void> => {
      const now = Buffer.concat(written);
      ends.push(now.byteLength);
      expect(now.equals(bytes.subarray(0, now.byteLength))).toBe(true);
      const there = pool.resumableHasher("sha256", await hasher.save());
      expect(await there.digest()).toBe(digestOf(now));
    };
    const source = { chunks: chunksOf(bytes, [50_000]) };
    await intake.takeIn(source, 0, writer, hasher, { everyBytes: 200_000, make });
    expect(ends).toEqual([200_000, 400_000, 600_000]);
  });

  it("a disk that fails is told, and what others write meanwhile is theirs", async () => {
    const other = randomBytes(4_000_000);
    const { writer, written } = slowWriter(5);
    const failing = slowWriter(1, () => {
      throw new Error("the disk is gone");
    });
    const failed = Array.from({ length: 10 }, () =>
      intake.takeIn({ chunks: chunksOf(randomBytes(2_500_000), [60_000]) }, 0, failing.writer, pool.hasher("sha256")),
    );
    const hasher = pool.hasher("sha256");
    const taking = intake.takeIn({ chunks: chunksOf(other, [70_000]) }, 0, writer, hasher);
    for (const one of await Promise.allSettled(failed)) expect(one.status).toBe("rejected");
    await taking;
    expect(Buffer.concat(written).equals(other)).toBe(true);
    expect(await hasher.digest()).toBe(digestOf(other));
  });
});
