import { randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { temporaryFolder, testDatabaseUrl } from "@waybill/foundation/testing";
import { describe, expect, it } from "vitest";
import { digestOf, type Digest } from "../digest/index.ts";
import { StoreError } from "../errors/index.ts";
import { mediaTypes } from "../manifests/index.ts";
import { parseRepositoryName, parseTag } from "../names/index.ts";
import { bucketPlace, folderPlace, lacksCeph, lacksMount, smallDisk, type TestPlace } from "../testing/index.ts";
import { openStore, type Store } from "./index.ts";

const home = parseRepositoryName("acme/disaster");
const MiB = 1024 * 1024;
const day = 24 * 60 * 60 * 1000;

interface Image {
  readonly manifest: Digest;
  readonly layer: Digest;
}

async function putBlob(store: Store, bytes: Uint8Array): Promise<Digest> {
  const source = { chunks: new Blob([Uint8Array.from(bytes)]).stream() };
  return (await store.blobs.put(home, source, digestOf(bytes))).digest;
}

async function putManifest(store: Store, layer: Digest, size: number, tag: string): Promise<Image> {
  const config = await putBlob(store, Buffer.from("{}"));
  const content = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociImage,
    config: { mediaType: "application/vnd.oci.image.config.v1+json", digest: config, size: 2 },
    layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar", digest: layer, size }],
  };
  const put = await store.manifests.put(home, Buffer.from(JSON.stringify(content)), { tags: [parseTag(tag)] });
  return { manifest: put.digest, layer };
}

async function putImage(store: Store, bytes: Uint8Array, tag: string): Promise<Image> {
  return await putManifest(store, await putBlob(store, bytes), bytes.byteLength, tag);
}

async function isWhole(store: Store, { manifest, layer }: Image): Promise<boolean> {
  await store.manifests.get(home, { digest: manifest });
  const { reader } = await store.blobs.open(home, layer);
  return digestOf(await buffer(reader.stream())) === layer;
}

/** The code with which something is refused; undefined when it is not. */
async function refusal(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (error instanceof StoreError) return error.code;
    throw error;
  }
}

describe.skipIf(lacksMount())("a disk", () => {
  it("that is full refuses pushes with STORAGE_FULL and keeps what it acknowledged; deleting gives room even when not a byte is left", async () => {
    await using disk = await smallDisk(40 * MiB);
    let ahead = 0;
    const open = () =>
      openStore({
        root: disk.path,
        now: () => Date.now() + ahead,
        limits: { collectEveryMs: 0, leaseMs: 60_000, graceMs: 1000, looseBlobMs: 60_000 },
      });
    let store = await open();
    const images: Image[] = [];
    let code: string | undefined;
    for (let number = 0; code === undefined && number < 60; number++) {
      code = await refusal(putImage(store, randomBytes(MiB), `t${number}`).then((image) => images.push(image)));
    }
    expect(code).toBe("STORAGE_FULL");
    expect(images.length).toBeGreaterThan(10);
    // Another program takes the rest: now the catalog cannot write either, and there is nothing left of what was refused.
    await disk.fill();
    expect(await disk.free()).toBe(0);
    expect(await refusal(putBlob(store, randomBytes(MiB)))).toBe("STORAGE_FULL");
    expect(await readdir(join(disk.path, "uploads"))).toEqual([]);
    await expect(store.check()).rejects.toThrow("no room left");
    // A restart does not need room that is not there.
    await store.close();
    await disk.fill();
    store = await open();
    // Leases have to be renewed now, which is a write.
    ahead += 10 * 60_000;
    for (const image of images) expect(await isWhole(store, image)).toBe(true);

    const [kept, ...unwanted] = images;
    for (const { manifest } of unwanted) await store.manifests.remove(home, manifest);
    let freed = 0;
    for (let round = 0; round < 4; round++) {
      ahead += 10 * 60_000;
      freed += (await store.collection.run({ everywhere: true })).bytesFreed;
    }
    expect(freed).toBeGreaterThanOrEqual(unwanted.length * MiB);
    process.stdout.write(`full: ${images.length} images of 1 MiB fitted on 40 MiB, ${freed} bytes were freed\n`);
    // Pushes have room again, although the other program still has its own.
    const next = await putImage(store, randomBytes(4 * MiB), "next");
    await store.check();
    expect([await isWhole(store, next), await isWhole(store, kept!)]).toEqual([true, true]);
    expect((await store.collection.audit()).findings).toEqual([]);
    await store.close();
  });

  it("whose last byte another program took is read on, although nothing can be written down, and is written to when there is room", async () => {
    await using disk = await smallDisk(40 * MiB);
    let ahead = 0;
    const store = await openStore({
      root: disk.path,
      now: () => Date.now() + ahead,
      limits: { collectEveryMs: 0, leaseMs: 60_000 },
    });
    const image = await putImage(store, randomBytes(MiB), "kept");
    await disk.fill();
    // Takes the reserve, and the other program takes what is left of that.
    await store.tags.remove(home, parseTag("kept"));
    await disk.fill();
    ahead += 10 * 60_000;
    expect(await refusal(store.blobs.remove(home, image.layer))).toBe("STORAGE_FULL");
    expect(await isWhole(store, image)).toBe(true);
    expect(await refusal(putBlob(store, randomBytes(1000)))).toBe("STORAGE_FULL");
    await disk.empty();
    expect(await isWhole(store, await putImage(store, randomBytes(MiB), "next"))).toBe(true);
    await store.check();
    await store.close();
  });

  it("that is full under a session keeps what was acknowledged, and the upload goes on when there is room", async () => {
    await using disk = await smallDisk(32 * MiB);
    await using folder = await temporaryFolder("waybill-disaster-");
    const store = await openStore({ root: folder.path, blobs: `file://${disk.path}`, limits: { collectEveryMs: 0 } });
    const bytes = randomBytes(20 * MiB);
    const piece = (from: number, to: number) => ({
      chunks: new Blob([Uint8Array.from(bytes.subarray(from, to))]).stream(),
    });
    const { id } = await store.uploads.start(home);
    await store.uploads.append(home, id, piece(0, 5 * MiB));
    await disk.fill();
    expect(await refusal(store.uploads.append(home, id, piece(5 * MiB, 20 * MiB)))).toBe("STORAGE_FULL");
    await disk.empty();
    const { offset } = await store.uploads.status(home, id);
    expect(offset).toBeGreaterThanOrEqual(5 * MiB);
    await store.uploads.append(home, id, piece(offset, 20 * MiB));
    await store.uploads.finish(home, id, digestOf(bytes));
    expect(digestOf(await buffer((await store.blobs.open(home, digestOf(bytes))).reader.stream()))).toBe(
      digestOf(bytes),
    );
    await store.close();
  });

  it.skipIf(lacksCeph())(
    "that is full where parts for S3 gather refuses large pushes, and takes them again when there is room",
    async () => {
      await using place = await bucketPlace();
      await using disk = await smallDisk(24 * MiB);
      const store = await openStore({ ...place.options, root: disk.path, limits: { collectEveryMs: 0 } });
      const first = await putImage(store, randomBytes(12 * MiB), "first");
      await disk.fill();
      expect(await refusal(putBlob(store, randomBytes(12 * MiB)))).toBe("STORAGE_FULL");
      expect(await isWhole(store, first)).toBe(true);
      await disk.empty();
      const second = await putImage(store, randomBytes(12 * MiB), "second");
      expect(await isWhole(store, second)).toBe(true);
      await store.close();
      expect([await place.stageIds(), await place.unfinishedParts()]).toEqual([[], []]);
    },
  );

  it("that becomes read-only is read on, refuses writes with what to do, is told of by the check, and works again", async () => {
    await using disk = await smallDisk(32 * MiB);
    await using folder = await temporaryFolder("waybill-disaster-");
    const store = await openStore({ root: folder.path, blobs: `file://${disk.path}`, limits: { collectEveryMs: 0 } });
    const image = await putImage(store, randomBytes(MiB), "before");
    await disk.setReadOnly(true);
    expect(await isWhole(store, image)).toBe(true);
    expect(await refusal(putBlob(store, randomBytes(1000)))).toBe("STORAGE_REFUSED");
    await expect(store.check()).rejects.toThrow(/is read-only now: see what its system log says/);
    await disk.setReadOnly(false);
    await store.check();
    expect(await isWhole(store, await putImage(store, randomBytes(MiB), "after"))).toBe(true);
    await store.close();
  });
});

/** Times at which a clock is wrong, in the order in which they come, while pushes are under way. */
const jumps = [0, day, -day, 0, day, 0, -day, day, 0];

function describeClock(startPlace: () => Promise<TestPlace>): void {
  it("a clock that jumps a day ahead and back while images are pushed and collected costs no blob that somebody needs", async () => {
    await using place = await startPlace();
    const database = await testDatabaseUrl("sqlite");
    let by = 0;
    const store = await openStore({
      ...place.options,
      database: database.url,
      now: () => Date.now() + by,
      limits: { collectEveryMs: 0 },
    });
    const images: Image[] = [];
    for (const [number, jump] of jumps.entries()) {
      // Told that the layer is there, by one clock; names it by another, with collections in between.
      const bytes = randomBytes(20_000);
      const layer = await putBlob(store, bytes);
      const told = await store.blobs.stat(home, layer);
      by = jump;
      for (let round = 0; round < 3; round++) await store.collection.run({ everywhere: true });
      images.push(await putManifest(store, layer, told.size, `t${number}`));
      await store.collection.run({ everywhere: true });
      for (const image of images) expect(await isWhole(store, image)).toBe(true);
    }
    by = 0;
    // What is deleted goes all the same, when the times have come that were written down.
    for (const { manifest } of images) await store.manifests.remove(home, manifest);
    for (let round = 0; round < 4; round++) {
      by += 2 * day;
      await store.collection.run({ everywhere: true });
    }
    expect(await place.blobPaths()).toEqual([]);
    await store.close();
    await database.drop();
  });
}

describe("a clock that jumps", () => {
  describeClock(folderPlace);
  describe.skipIf(lacksCeph())("with blobs on Ceph RGW", () => {
    describeClock(bucketPlace);
  });
});
