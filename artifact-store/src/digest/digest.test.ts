import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { algorithmOf, digestOf, HashPool, hexOf, parseDigest } from "./index.ts";

describe("digests", () => {
  it("reads back what it wrote, for any bytes and both algorithms", () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.constantFrom("sha256" as const, "sha512" as const), (bytes, algorithm) => {
        const digest = digestOf(bytes, algorithm);
        expect(parseDigest(digest)).toBe(digest);
        expect(algorithmOf(digest)).toBe(algorithm);
        expect(hexOf(digest)).toBe(createHash(algorithm).update(bytes).digest("hex"));
      }),
    );
  });

  it("accepts no text but `sha256:` with 64 and `sha512:` with 128 lower-case hex digits", () => {
    const hex = "a".repeat(64);
    for (const text of [
      "",
      hex,
      `sha256:${hex}a`,
      `sha256:${hex.slice(1)}`,
      `SHA256:${hex}`,
      `sha256:${hex.toUpperCase()}`,
      `md5:${hex}`,
      `sha512:${hex}`,
      `sha256:${hex}\n`,
      `sha256:../${hex.slice(3)}`,
    ]) {
      expect({ text, digest: parseDigest(text) }).toEqual({ text, digest: undefined });
    }
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(parseDigest(`sha256:${text}`) === undefined).toBe(!/^[a-f0-9]{64}$/.test(text));
      }),
    );
  });
});

describe("hashing streams", () => {
  const pool = new HashPool(1);
  afterAll(() => pool.close());

  it("gives the digest of the whole however the bytes are cut, here or on a thread", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 300_000 }), { maxLength: 6 }),
        fc.constantFrom("sha256" as const, "sha512" as const),
        async (cuts, algorithm) => {
          const parts = cuts.map((size, index) => new Uint8Array(size).fill(index + 1));
          const expected = digestOf(Buffer.concat(parts), algorithm);
          const hasher = pool.hasher(algorithm);
          for (const part of parts) await hasher.update(part);
          expect(await hasher.digest()).toBe(expected);
        },
      ),
      { numRuns: 40 },
    );
  });

  it("goes on from a saved state in another pool, whatever the cut, and refuses what is no state", async () => {
    const other = new HashPool(1);
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 500 }),
        fc.uint8Array({ maxLength: 500 }),
        fc.constantFrom("sha256" as const, "sha512" as const),
        async (head, tail, algorithm) => {
          const first = pool.resumableHasher(algorithm);
          await first.update(Uint8Array.from(head));
          const state = await first.save();
          await first.update(Uint8Array.from(tail)); // saving does not end it
          const second = other.resumableHasher(algorithm, state);
          await second.update(Uint8Array.from(tail));
          const expected = digestOf(Buffer.concat([head, tail]), algorithm);
          expect([await first.digest(), await second.digest()]).toEqual([expected, expected]);
        },
      ),
      { numRuns: 40 },
    );
    await expect(pool.resumableHasher("sha256", new Uint8Array(7)).digest()).rejects.toThrow();
    await expect(
      pool.resumableHasher("sha256", await other.resumableHasher("sha512").save()).digest(),
    ).rejects.toThrow();
    await other.close();
  });

  it("copies what the caller may change at once, and is done with shared memory when it says so", async () => {
    const alone = new Uint8Array(200 * 1024).fill(7);
    const shared = new Uint8Array(new SharedArrayBuffer(200 * 1024)).fill(9);
    const expected = digestOf(Buffer.concat([alone, shared, alone.fill(7), shared]));
    const hasher = pool.hasher("sha256");
    for (let round = 0; round < 2; round++) {
      const taken = hasher.update(alone.fill(7));
      alone.fill(0);
      await taken;
      await hasher.update(shared.fill(9));
      shared.fill(0);
    }
    expect(await hasher.digest()).toBe(expected);
    expect(alone.byteLength).toBe(200 * 1024);
  });

  it("a digest that was given up rejects instead of hanging", async () => {
    const hasher = pool.hasher("sha256");
    await hasher.update(new Uint8Array(1024 * 1024));
    const answer = hasher.digest();
    hasher.drop();
    await expect(answer).rejects.toThrow("given up");
  });

  it("rejects when its thread ends, and the next stream gets a new thread", async () => {
    const mortal = new HashPool(1);
    const hasher = mortal.hasher("sha256");
    await hasher.update(new Uint8Array(1024 * 1024));
    await mortal.close();
    await expect(hasher.digest()).rejects.toThrow("thread");
    const next = mortal.hasher("sha256");
    await next.update(new Uint8Array(256 * 1024));
    expect(await next.digest()).toBe(digestOf(new Uint8Array(256 * 1024)));
    await mortal.close();
  });
});
