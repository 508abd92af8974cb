import { randomBytes, randomInt } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterAll, describe, expect, it } from "vitest";
import type { BlobBackend, BlobKey, BlobReader } from "../blobs/index.ts";
import { auditBlobs, type AuditProgress } from "../collection/index.ts";
import { HashPool, type Digest } from "../digest/index.ts";
import { StoreError } from "../errors/index.ts";
import { folderPlace } from "../testing/index.ts";
import { CollectionScene, home } from "./collection-scene.suite.ts";

const pool = new HashPool();
afterAll(() => pool.close());

/** The real place, seen through one that takes longer for some blobs than for others, and fails where a test says so. */
class Watch {
  readonly shared: boolean;
  /** Readers that are open, and the most that were at once. */
  open = 0;
  most = 0;
  readonly #inner: BlobBackend;
  readonly #opening: (key: BlobKey) => Promise<void>;

  constructor(inner: BlobBackend, how: { shared?: boolean; opening?: (key: BlobKey) => Promise<void> } = {}) {
    this.#inner = inner;
    this.shared = how.shared ?? true;
    this.#opening = how.opening ?? (() => Promise.resolve());
  }

  blobs(first: number, count?: number): ReturnType<BlobBackend["blobs"]> {
    return this.#inner.blobs(first, count);
  }

  async blobSize(key: BlobKey): Promise<number | undefined> {
    return await this.#inner.blobSize(key);
  }

  async openBlob(key: BlobKey): Promise<BlobReader | undefined> {
    this.most = Math.max(this.most, ++this.open);
    let reader: BlobReader | undefined;
    try {
      for (let turns = randomInt(20); turns > 0; turns--) await nextTurn();
      await this.#opening(key);
      reader = await this.#inner.openBlob(key);
    } finally {
      if (reader === undefined) this.open--;
    }
    if (reader === undefined) return undefined;
    const { size } = reader;
    const stream: BlobReader["stream"] = (range) => reader.stream(range).once("close", () => this.open--);
    return { size, stream, copyTo: (to, range) => reader.copyTo(to, range), close: () => reader.close() };
  }
}

describe("the audit", () => {
  const scene = new CollectionScene("sqlite", folderPlace);
  const putAll = (count: number): Promise<Digest[]> =>
    Promise.all(Array.from({ length: count }, (_, number) => scene.put(`blob ${number}`)));
  const audit = (
    backend: Watch,
    options: { readonly signal?: AbortSignal; readonly onProgress?: (progress: AuditProgress) => void } = {},
  ) => auditBlobs({ catalog: scene.database.read, backend, pool, ...options });

  it("reads eight at once of a bucket and two of a folder, and reports in the order of the digests, unnamed ones last", async () => {
    const digests = (await putAll(60)).toSorted();
    const broken = digests.filter((_, index) => index % 5 === 0);
    for (const [index, digest] of broken.entries()) {
      await scene.place.tamper(digest, index % 2 === 0 ? undefined : Buffer.from("bytes!!"));
    }
    const unnamed = `sha256:${"0".repeat(64)}` as Digest;
    await scene.place.tamper(unnamed, Buffer.from("orphan"));
    for (const [shared, most] of [
      [true, 8],
      [false, 2],
    ] as const) {
      const watch = new Watch(scene.place.backend, { shared });
      const { blobs, findings } = await audit(watch);
      expect(watch.most).toBe(most);
      expect(blobs).toBe(60);
      expect(findings.map(({ key }) => key)).toEqual([...broken, unnamed]);
      expect(findings.map(({ kind }) => kind)).toEqual([
        ...broken.map((_, index) => (index % 2 === 0 ? "missing" : "corrupt")),
        "unnamed",
      ]);
    }
  });

  it("tells how far it is, to the last blob", async () => {
    const digests = await putAll(30);
    await scene.place.tamper(digests[0]!, undefined);
    const seen: AuditProgress[] = [];
    const { bytes } = await audit(new Watch(scene.place.backend), {
      onProgress: (progress) => void seen.push(progress),
    });
    expect(seen.map(({ blobs }) => blobs)).toEqual(Array.from({ length: 30 }, (_, index) => index + 1));
    expect(seen.at(-1)).toEqual({ blobs: 30, ofBlobs: 30, bytes, ofBytes: bytes + "blob 0".length });
  });

  it("stops between two chunks when it is told to, and lets go of every blob", async () => {
    const large = { chunks: new Blob([randomBytes(3_000_000)]).stream() };
    await scene.store.blobs.put(home, large);
    await putAll(30);
    for (const after of [0, 3, 17]) {
      const stop = new AbortController();
      const watch = new Watch(scene.place.backend);
      const stopped = audit(watch, {
        signal: stop.signal,
        onProgress: ({ blobs }) => void (blobs > after && stop.abort(new Error("enough"))),
      });
      await expect(stopped).rejects.toThrow("enough");
      await expect.poll(() => watch.open).toBe(0);
    }
  });

  it("goes on beside a blob that the disk does not give, and gives up when the place does not answer", async () => {
    const digests = (await putAll(20)).toSorted();
    const failing = (error: Error) =>
      new Watch(scene.place.backend, {
        async opening(key) {
          await nextTurn();
          if (key === digests[7]) throw error;
        },
      });
    const { blobs, findings } = await audit(failing(new Error("EIO: i/o error, read")));
    expect(blobs).toBe(20);
    expect(findings).toEqual([{ kind: "corrupt", key: digests[7], detail: "it cannot be read: EIO: i/o error, read" }]);
    const gone = failing(new StoreError("STORAGE_UNAVAILABLE", "the bucket does not answer"));
    await expect(audit(gone)).rejects.toThrow("the bucket does not answer");
    await expect.poll(() => gone.open).toBe(0);
  });

  it("says nothing of a blob that is collected while it is being read", async () => {
    const digests = await putAll(12);
    let collected = false;
    const watch = new Watch(scene.place.backend, {
      async opening() {
        if (collected) return;
        collected = true;
        await scene.settle();
      },
    });
    const { findings } = await audit(watch);
    expect(await scene.files()).toEqual([]);
    expect(digests.length).toBe(12);
    expect(findings).toEqual([]);
  });

  it("ends with the store", async () => {
    await putAll(40);
    const stopped = scene.store.collection.audit({
      onProgress: ({ blobs }) => void (blobs === 5 && closing === undefined && (closing = scene.store.close())),
    });
    let closing: Promise<void> | undefined;
    await expect(stopped).rejects.toThrow("abort");
    await closing;
  });
});
