import { randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { digestOf } from "../digest/index.ts";
import { StoreError } from "../errors/index.ts";
import { describeBlobBackend } from "./contract.suite.ts";
import {
  movingBackend,
  openFilesystemBackend,
  withCache,
  withLimit,
  withRetry,
  withRoom,
  type BlobBackend,
  type BlobKey,
} from "./index.ts";
import { boundaryPartBytes, mostParts, partBytes, smallestPartBytes } from "./part-size.ts";
import { waitBefore } from "./retry.ts";

const policy = { giveUpAfterMs: 2000, firstWaitMs: 1, longestWaitMs: 5 };

/** A real folder under a wrapper; every restart gets a wrapper of its own. */
function wrapped(name: string, wrap: (backend: BlobBackend, root: string) => BlobBackend | Promise<BlobBackend>): void {
  describeBlobBackend(name, async () => {
    const root = await mkdtemp(join(tmpdir(), "waybill-wrapped-"));
    const opened: BlobBackend[] = [];
    const open = async (): Promise<BlobBackend> => {
      const backend = await wrap(await openFilesystemBackend(join(root, "blobs-here")), root);
      opened.push(backend);
      return backend;
    };
    return {
      backend: await open(),
      again: open,
      end: async () => {
        for (const backend of opened) await backend.close();
        await rm(root, { recursive: true });
      },
    };
  });
}

wrapped("a folder with retries", (backend) => withRetry(flaky(backend), policy));
wrapped("a folder with a limit", (backend) => withLimit(backend, 1));
wrapped("a folder with a cache", (backend) => withCache(backend, { bytes: 2_000_000, blobBytes: 700_000 }));
wrapped("a folder that asks for room", (backend) => withRoom(backend, () => Promise.resolve()));
wrapped("a folder with all of them", (backend) =>
  withCache(withLimit(withRetry(flaky(backend), policy), 2), { bytes: 1000, blobBytes: 1000 }),
);
wrapped("a folder that another one moves to", async (backend, root) =>
  movingBackend(backend, await openFilesystemBackend(join(root, "old")), () => Promise.resolve()),
);

/** Of its looks, every other one fails as an overloaded place does. */
function flaky(backend: BlobBackend): BlobBackend {
  let turn = 0;
  const perhaps = async <T>(work: () => Promise<T>): Promise<T> => {
    if (turn++ % 2 === 0) throw new StoreError("STORAGE_UNAVAILABLE", "slow down");
    return await work();
  };
  return {
    ...withLimit(backend, 100),
    stageSize: (id) => perhaps(() => backend.stageSize(id)),
    openBlob: (key) => perhaps(() => backend.openBlob(key)),
    blobSize: (key) => perhaps(() => backend.blobSize(key)),
    removeBlob: (key) => perhaps(() => backend.removeBlob(key)),
    dropStage: (id) => perhaps(() => backend.dropStage(id)),
    identity: () => perhaps(() => backend.identity()),
  };
}

describe("wrappers of a place for blobs", () => {
  it("retries end, give up when time is up, and are not for what is wrong for good", async () => {
    await using folder = await place();
    let asked = 0;
    const broken = (code: "STORAGE_UNAVAILABLE" | "STORAGE_REFUSED"): BlobBackend =>
      withRetry(
        { ...folder.backend, blobSize: () => (asked++, Promise.reject(new StoreError(code, "no"))) },
        { ...policy, giveUpAfterMs: 50 },
      );
    const key = digestOf(Buffer.from("x"));
    await expect(broken("STORAGE_UNAVAILABLE").blobSize(key)).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    expect(asked).toBeGreaterThan(1);
    asked = 0;
    await expect(broken("STORAGE_REFUSED").blobSize(key)).rejects.toMatchObject({ code: "STORAGE_REFUSED" });
    expect(asked).toBe(1);
  });

  it("no more operations run at once than the limit says, and all come to their turn", async () => {
    await using folder = await place();
    let running = 0;
    let most = 0;
    const slow = withLimit(
      {
        ...folder.backend,
        blobSize: async () => {
          most = Math.max(most, ++running);
          await new Promise((resolve) => setImmediate(resolve));
          running--;
          return 7;
        },
      },
      3,
    );
    const sizes = await Promise.all(Array.from({ length: 40 }, () => slow.blobSize(digestOf(Buffer.from("x")))));
    expect([most, sizes.length]).toEqual([3, 40]);
  });

  it("a cache asks its place once for a small blob, each time for a large one, and stays within its bytes", async () => {
    await using folder = await place();
    let opened = 0;
    const cached = withCache(
      { ...folder.backend, openBlob: (key) => (opened++, folder.backend.openBlob(key)) },
      { bytes: 250, blobBytes: 100 },
    );
    const keyOf = async (size: number): Promise<BlobKey> => {
      const bytes = randomBytes(size);
      const writer = await cached.beginStage(randomUUID());
      await writer.write([bytes]);
      return await writer.commit(digestOf(bytes));
    };
    const [a, b, c, large] = [await keyOf(100), await keyOf(100), await keyOf(100), await keyOf(101)] as const;
    const read = async (key: BlobKey): Promise<number> => {
      const before = opened;
      expect(digestOf(await buffer((await cached.openBlob(key))!.stream()))).toBe(key);
      return opened - before;
    };
    expect([await read(a), await read(a), await read(b), await read(a)]).toEqual([1, 0, 1, 0]);
    expect([await read(c), await read(b), await read(large), await read(large)]).toEqual([1, 1, 1, 1]);
    await cached.removeBlob(c);
    expect(await cached.openBlob(c)).toBeUndefined();
  });

  it("a cache keeps and gives nothing but what its key says, and a push heals what was damaged", async () => {
    await using folder = await place();
    const cached = withCache(folder.backend, { bytes: 1000, blobBytes: 1000 });
    const [bytes, wrong] = [Buffer.from("right"), Buffer.from("wrong")];
    const commit = async (content: Uint8Array): Promise<void> => {
      const writer = await folder.backend.beginStage(randomUUID());
      await writer.write([content]);
      await writer.commit(digestOf(bytes));
    };
    await commit(wrong);
    await expect(cached.openBlob(digestOf(bytes))).rejects.toMatchObject({ code: "BLOB_DAMAGED" });
    await expect(cached.openBlob(digestOf(bytes))).rejects.toMatchObject({ code: "BLOB_DAMAGED" });
    await commit(bytes);
    expect((await cached.openBlob(digestOf(bytes)))?.held).toEqual(Uint8Array.from(bytes));
    await commit(wrong);
    expect((await cached.openBlob(digestOf(bytes)))?.held).toEqual(Uint8Array.from(bytes));
  });

  it("a cache reads once for all who ask at the same time, and keeps nothing that was removed meanwhile", async () => {
    await using folder = await place();
    let opened = 0;
    let isHeldUp = false;
    const isRead = Promise.withResolvers<void>();
    const goesOn = Promise.withResolvers<void>();
    const cached = withCache(
      {
        ...folder.backend,
        async openBlob(key) {
          opened++;
          const reader = await folder.backend.openBlob(key);
          if (isHeldUp) {
            isRead.resolve();
            await goesOn.promise;
          }
          return reader;
        },
      },
      { bytes: 1000, blobBytes: 1000 },
    );
    const bytes = randomBytes(100);
    const key = digestOf(bytes);
    const writer = await cached.beginStage(randomUUID());
    await writer.write([bytes]);
    await writer.commit(key);
    isHeldUp = true;
    const asked = [cached.openBlob(key), cached.openBlob(key), cached.openBlob(key)];
    // The file is open now: removed before that, nobody would have found it.
    await isRead.promise;
    await cached.removeBlob(key);
    isHeldUp = false;
    expect(await cached.openBlob(key)).toBeUndefined();
    goesOn.resolve();
    for (const reader of await Promise.all(asked)) expect(reader?.held).toEqual(Uint8Array.from(bytes));
    expect(opened).toBe(2);
    expect(await cached.openBlob(key)).toBeUndefined();
  });

  it("waits are within bounds that double up to the longest", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), fc.double({ min: 0, max: 1, noNaN: true }), (attempt, random) => {
        const wait = waitBefore(attempt, { giveUpAfterMs: 1, firstWaitMs: 50, longestWaitMs: 3000 }, random);
        expect(wait).toBeGreaterThanOrEqual(0);
        expect(wait).toBeLessThanOrEqual(Math.min(3000, 50 * 2 ** (attempt - 1)));
      }),
    );
  });

  it("a terabyte fits into the parts that S3 allows, none of which is too small", () => {
    let all = 0;
    for (let number = 1; number <= mostParts; number++) {
      all += partBytes(number);
      expect(boundaryPartBytes(number)).toBeGreaterThanOrEqual(smallestPartBytes);
      expect(boundaryPartBytes(number)).toBeLessThanOrEqual(partBytes(number));
    }
    expect(all).toBeGreaterThan(1024 ** 4);
  });
});

async function place(): Promise<AsyncDisposable & { readonly backend: BlobBackend }> {
  const root = await mkdtemp(join(tmpdir(), "waybill-wrapped-"));
  const inner = await openFilesystemBackend(root);
  return {
    backend: withLimit(inner, 1000),
    async [Symbol.asyncDispose]() {
      await inner.close();
      await rm(root, { recursive: true });
    },
  };
}
