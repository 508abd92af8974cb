import { randomBytes, randomUUID } from "node:crypto";
import { Writable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { digestOf, hexOf, type Digest } from "../digest/index.ts";
import { shardCount, type BlobBackend } from "./contract.ts";
import { freshKey } from "./key.ts";

export interface BackendUnderTest {
  readonly backend: BlobBackend;
  /** A second one on the same place, as after a restart. */
  again(): Promise<BlobBackend>;
  end(): Promise<void>;
}

/** The promises of `BlobBackend`, for any place that keeps them. */
export function describeBlobBackend(name: string, start: () => Promise<BackendUnderTest>): void {
  describe(`${name} as a place for blobs`, () => {
    let place: BackendUnderTest;
    let backend: BlobBackend;
    beforeAll(async () => {
      place = await start();
      backend = place.backend;
    });
    afterAll(() => place.end());

    async function staged(...chunks: Uint8Array[]): Promise<string> {
      const id = randomUUID();
      const writer = await backend.beginStage(id);
      await writer.write(chunks);
      await writer.flush();
      await writer.close();
      return id;
    }
    async function commit(id: string, digest: Digest): Promise<void> {
      expect(await (await backend.writeStage(id)).commit(digest)).toBe(digest);
    }
    async function stored(bytes: Uint8Array): Promise<Digest> {
      const digest = digestOf(bytes);
      await commit(await staged(bytes), digest);
      return digest;
    }

    it("gives back what was committed, whole and by range", async () => {
      const bytes = randomBytes(1_000_003);
      const digest = await stored(bytes);
      expect(await backend.blobSize(digest)).toBe(bytes.length);
      expect((await buffer((await backend.openBlob(digest))!.stream())).equals(bytes)).toBe(true);
      for (const range of [
        { start: 0, end: 0 },
        { start: 262_143, end: 262_144 },
        { start: 5, end: 1_000_002 },
      ]) {
        const part = bytes.subarray(range.start, range.end + 1);
        expect((await buffer((await backend.openBlob(digest))!.stream(range))).equals(part)).toBe(true);
        const copies: Buffer[] = [];
        const sink = new Writable({
          write(chunk: Uint8Array, _encoding, done) {
            copies.push(Buffer.from(chunk));
            setImmediate(done);
          },
        });
        await (await backend.openBlob(digest))!.copyTo(sink, range);
        expect(Buffer.concat(copies).equals(part)).toBe(true);
      }
    });

    it("keeps an empty blob", async () => {
      const digest = await stored(new Uint8Array());
      expect(await backend.blobSize(digest)).toBe(0);
      expect(await buffer((await backend.openBlob(digest))!.stream())).toHaveLength(0);
    });

    it("appends in order over several writers, and a stage is still there after a restart", async () => {
      const id = await staged(Buffer.from("one "), Buffer.from("two "));
      const restarted = await place.again();
      expect(await restarted.stageSize(id)).toBe(8);
      const writer = await restarted.writeStage(id);
      await writer.write([new Uint8Array(), Buffer.from("three")]);
      await writer.flush();
      await writer.close();
      await writer.close();
      expect((await buffer(restarted.readStage(id))).toString()).toBe("one two three");
    });

    it("a writer commits what it has just written, and knows its size", async () => {
      const bytes = randomBytes(3000);
      const id = randomUUID();
      const writer = await backend.beginStage(id);
      await writer.write([bytes.subarray(0, 1000)]);
      await writer.write([bytes.subarray(1000)]);
      expect(await writer.size()).toBe(3000);
      await writer.commit(digestOf(bytes));
      await writer.close();
      expect((await buffer((await backend.openBlob(digestOf(bytes)))!.stream())).equals(bytes)).toBe(true);
    });

    it("a commit of a stage that was dropped meanwhile is refused, and makes no blob", async () => {
      const bytes = randomBytes(50);
      const id = await staged(bytes);
      const writer = await backend.writeStage(id);
      await backend.dropStage(id);
      await expect(writer.commit(digestOf(bytes))).rejects.toMatchObject({ code: "BLOB_UPLOAD_UNKNOWN" });
      expect(await backend.blobSize(digestOf(bytes))).toBeUndefined();
    });

    it("shows nothing of a blob before its commit", async () => {
      const bytes = randomBytes(1000);
      await staged(bytes);
      expect(await backend.blobSize(digestOf(bytes))).toBeUndefined();
      expect(await backend.openBlob(digestOf(bytes))).toBeUndefined();
    });

    it("a commit uses its stage up and its writer; a second commit of it is refused", async () => {
      const bytes = randomBytes(100);
      const id = await staged(bytes);
      await commit(id, digestOf(bytes));
      expect(await backend.stageSize(id)).toBeUndefined();
      await expect(commit(id, digestOf(bytes))).rejects.toMatchObject({ code: "BLOB_UPLOAD_UNKNOWN" });
    });

    it("a second commit of the same digest, also at the same time, leaves one whole blob, and open readers read on", async () => {
      const bytes = randomBytes(600_000);
      const digest = await stored(bytes);
      const reader = await backend.openBlob(digest);
      const ids = await Promise.all([staged(bytes), staged(bytes), staged(bytes)]);
      await Promise.all(ids.map((id) => commit(id, digest)));
      expect((await buffer(reader!.stream())).equals(bytes)).toBe(true);
      expect((await buffer((await backend.openBlob(digest))!.stream())).equals(bytes)).toBe(true);
    });

    it("refuses to begin a stage twice, to write one that is not there, and an id that is no UUID", async () => {
      const id = await staged();
      await expect(backend.beginStage(id).then((writer) => writer.flush())).rejects.toThrow();
      await expect(backend.writeStage(randomUUID())).rejects.toMatchObject({ code: "BLOB_UPLOAD_UNKNOWN" });
      for (const bad of ["../../etc/passwd", "", "a", `${randomUUID()}/../x`]) {
        await expect(backend.beginStage(bad)).rejects.toMatchObject({ code: "BLOB_UPLOAD_UNKNOWN" });
      }
    });

    it("lists stages with their age, forgets a dropped one, and drops twice without harm", async () => {
      const id = await staged(randomBytes(77));
      const find = async (): Promise<{ modifiedAt: number } | undefined> => {
        for await (const stage of backend.stages()) if (stage.id === id) return stage;
        return undefined;
      };
      const found = await find();
      expect(await backend.stageSize(id)).toBe(77);
      expect(Math.abs(Date.now() - found!.modifiedAt)).toBeLessThan(60_000);
      await backend.dropStage(id);
      await backend.dropStage(id);
      expect(await find()).toBeUndefined();
      expect(await backend.stageSize(id)).toBeUndefined();
    });

    it("a copy to somebody who goes away ends with an error instead of waiting for ever", async () => {
      const digest = await stored(randomBytes(2_000_000));
      const never = new Writable({ write: () => undefined });
      const copied = (await backend.openBlob(digest))!.copyTo(never);
      setImmediate(() => never.destroy());
      await expect(copied).rejects.toThrow();
    });

    it("removes a blob under its reader, twice without harm, and leaves the same bytes under another key alone", async () => {
      const bytes = randomBytes(300_000);
      const digest = await stored(bytes);
      const other = freshKey(digest);
      await (await backend.writeStage(await staged(bytes))).commit(other);
      const reader = await backend.openBlob(digest);
      await backend.removeBlob(digest);
      await backend.removeBlob(digest);
      expect(await backend.blobSize(digest)).toBeUndefined();
      expect((await buffer(reader!.stream())).equals(bytes)).toBe(true);
      expect((await buffer((await backend.openBlob(other))!.stream())).equals(bytes)).toBe(true);
      await backend.removeBlob(other);
      expect(await backend.openBlob(other)).toBeUndefined();
    });

    it("lists each of its blobs in exactly one part, with size and age", async () => {
      const bytes = randomBytes(42);
      const digest = await stored(bytes);
      const seen: { size: number; storedAt: number }[] = [];
      const look = async (first: number, count?: number): Promise<void> => {
        if (count === 0) return;
        for await (const blob of backend.blobs(first, count)) if (blob.key === digest) seen.push(blob);
      };
      const own = Number.parseInt(hexOf(digest).slice(0, 2), 16);
      await look(0, own);
      expect(seen).toEqual([]);
      await look(own);
      await look(own + 1, shardCount - own - 1);
      expect(seen).toMatchObject([{ size: 42 }]);
      expect(Math.abs(Date.now() - seen[0]!.storedAt)).toBeLessThan(60_000);
    });

    it("what was flushed outlives its writer, parts and all, with the hash; what came since may be gone", async () => {
      const bytes = randomBytes(21_000_000);
      const id = randomUUID();
      const hash = { algorithm: "sha256", state: randomBytes(100) } as const;
      const writer = await backend.beginStage(id);
      await writer.write([bytes.subarray(0, 9_000_000)]);
      await writer.write([bytes.subarray(9_000_000, 15_000_000)]);
      await writer.flush(hash);
      await writer.write([bytes.subarray(15_000_000, 15_000_500)]);
      const restarted = await place.again();
      const next = await restarted.writeStage(id);
      const size = await next.size();
      expect(size).toBeGreaterThanOrEqual(15_000_000);
      const saved = await next.savedHash();
      expect(saved && { ...saved, state: Buffer.from(saved.state) }).toEqual(
        restarted.rereadsStages ? undefined : hash,
      );
      await next.write([bytes.subarray(size)]);
      const key = await next.commit(digestOf(bytes));
      expect(await restarted.blobSize(key)).toBe(bytes.length);
      expect((await buffer((await restarted.openBlob(key))!.stream())).equals(bytes)).toBe(true);
      await writer.close();
    });

    it("a flush while bytes come mixes nothing up", async () => {
      const bytes = randomBytes(24_000_000);
      const writer = await backend.beginStage(randomUUID());
      const [first, second] = [bytes.subarray(0, 12_000_000), bytes.subarray(12_000_000)];
      await Promise.all([writer.write([first]), writer.flush()]);
      await Promise.all([writer.write([second]), writer.flush()]);
      const key = await writer.commit(digestOf(bytes));
      expect((await buffer((await backend.openBlob(key))!.stream())).equals(bytes)).toBe(true);
    });

    it("reads the bytes of a large stage from its start, and commits it then", async () => {
      const bytes = randomBytes(10_000_000);
      const id = await staged(bytes.subarray(0, 9_000_000), bytes.subarray(9_000_000));
      expect((await buffer(backend.readStage(id))).equals(bytes)).toBe(true);
      expect((await buffer(backend.readStage(id))).equals(bytes)).toBe(true);
      const key = await (await backend.writeStage(id)).commit(digestOf(bytes));
      expect((await buffer((await backend.openBlob(key))!.stream())).equals(bytes)).toBe(true);
    });

    it("a stage that was begun for a key becomes that, however large", async () => {
      for (const size of [10, 9_000_000]) {
        const bytes = randomBytes(size);
        const key = freshKey(digestOf(bytes));
        const writer = await backend.beginStage(randomUUID(), key);
        await writer.write([bytes]);
        expect(await writer.commit(key)).toBe(key);
        expect(await backend.blobSize(key)).toBe(size);
      }
    });

    it("keeps the text by which it is known again, and knows whether it is empty", async () => {
      expect(await backend.identity()).toBeUndefined();
      await backend.identify("one", undefined);
      expect(await backend.identity()).toBe("one");
      await backend.identify("two", "one");
      expect(await (await place.again()).identity()).toBe("two");
      await stored(randomBytes(3));
      expect(await backend.isEmpty()).toBe(false);
    });

    it("says that it can be written to", async () => {
      await expect(backend.check()).resolves.toBeUndefined();
    });
  });
}
