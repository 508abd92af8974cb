import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { temporaryFolder } from "@waybill/foundation/testing";
import { describe, expect, it } from "vitest";
import { examineBlobs, openBlobs, parseBlobLocation, type BlobKey } from "../blobs/index.ts";
import { digestOf, type Digest } from "../digest/index.ts";
import { parseRepositoryName } from "../names/index.ts";
import { cephBucket, heedlessGateway, lacksCeph, laggingGateway } from "../testing/index.ts";
import { openStore, type Store } from "./index.ts";

const home = parseRepositoryName("acme/odd");
const MiB = 1024 * 1024;
const day = 24 * 60 * 60 * 1000;

const source = (bytes: Uint8Array) => ({ chunks: new Blob([Uint8Array.from(bytes)]).stream() });
const read = async (store: Store, digest: Digest): Promise<string> =>
  digestOf(await buffer((await store.blobs.open(home, digest)).reader.stream()));

/** A store in a bucket whose lists lag behind when they are told to, with a clock that a test moves on. */
async function laggingStore() {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await temporaryFolder("waybill-lagging-"));
  const ceph = await cephBucket();
  const gateway = stack.use(await laggingGateway(ceph));
  let ahead = 0;
  const options = {
    root: join(folder.path, "root"),
    blobs: ceph.url("store", gateway.url),
    credentials: ceph,
    limits: { leaseMs: 1000, graceMs: 1000, looseBlobMs: 365 * day, orphanGraceMs: 60_000, collectEveryMs: 0 },
    now: () => Date.now() + ahead,
  };
  const store = await openStore(options);
  stack.defer(() => store.close());
  const put = async (bytes: Uint8Array): Promise<Digest> => (await store.blobs.put(home, source(bytes))).digest;
  /** Each run an hour after the one before: what is due is done by the last. */
  const collect = async () => {
    let bytesFreed = 0;
    for (let run = 0; run < 3; run++) {
      ahead += 60 * 60 * 1000;
      bytesFreed += (await store.collection.run({ everywhere: true })).bytesFreed;
    }
    return bytesFreed;
  };
  const ended = stack.move();
  return {
    folder: folder.path,
    ceph,
    gateway,
    options,
    store,
    put,
    collect,
    [Symbol.asyncDispose]: () => ended.disposeAsync(),
  };
}

describe.skipIf(lacksCeph())("a bucket whose lists lag behind", () => {
  it("loses nothing to a collection that does not see it yet, and is told of nothing that it frees twice", async () => {
    await using at = await laggingStore();
    const { store, gateway, put, collect } = at;
    await gateway.freeze();
    const [kept, large, gone] = [
      await put(randomBytes(1000)),
      await put(randomBytes(9 * MiB)),
      await put(randomBytes(500)),
    ];
    expect(await collect()).toBe(0);
    expect((await store.collection.audit()).findings).toEqual([]);

    gateway.thaw();
    await gateway.freeze();
    await store.blobs.remove(home, gone);
    expect(await collect()).toBe(500);
    // The list still shows it, and would for as long as it likes.
    expect(await store.collection.plan({ everywhere: true })).toMatchObject({ bytesFreed: 0, steps: [] });
    expect(await collect()).toBe(0);
    expect(await store.collection.audit()).toMatchObject({ blobs: 2, findings: [] });

    // Pushed again while the list shows its old bytes.
    const bytes = randomBytes(700);
    const again = await put(bytes);
    await store.blobs.remove(home, again);
    expect(await collect()).toBe(700);
    expect(await put(bytes)).toBe(again);
    await collect();
    for (const digest of [kept, large, again]) expect(await read(store, digest)).toBe(digest);
    expect(gateway.stale).toBeGreaterThan(5);
  });

  it("keeps bytes that nobody names until the list shows them, and gives them back then", async () => {
    await using at = await laggingStore();
    const { store, gateway, options, collect } = at;
    await gateway.freeze();
    const location = parseBlobLocation(options.blobs);
    const other = await openBlobs(location, { credentials: at.ceph, spools: join(at.folder, "others") });
    const bytes = randomBytes(4000);
    const writer = await other.beginStage(crypto.randomUUID());
    await writer.write([bytes]);
    const key: BlobKey = await writer.commit(digestOf(bytes));
    expect(await collect()).toBe(0);
    expect((await store.collection.audit()).findings).toEqual([]);
    gateway.thaw();
    expect((await store.collection.audit()).findings).toMatchObject([{ kind: "unnamed", key }]);
    expect(await collect()).toBe(4000);
    expect(await other.blobSize(key)).toBeUndefined();
    await other.close();
  });

  it("is left with every blob and every unfinished upload, also those that its lists do not show", async () => {
    await using at = await laggingStore();
    const { store, gateway, options, put } = at;
    await gateway.freeze();
    const digests = [await put(randomBytes(10)), await put(randomBytes(9 * MiB))];
    const [small, large] = [randomBytes(5000), randomBytes(7 * MiB)];
    const begun: { readonly id: string; readonly bytes: Buffer }[] = [];
    for (const bytes of [small, large]) {
      const { id } = await store.uploads.start(home);
      await store.uploads.append(home, id, source(bytes.subarray(0, -100)));
      begun.push({ id, bytes });
    }
    await store.close();

    const folder = join(at.folder, "new");
    await using ended = new AsyncDisposableStack();
    const moved = await openStore({ ...options, blobs: folder, blobsFrom: options.blobs });
    ended.defer(() => moved.close());
    expect(await moved.relocation?.run()).toMatchObject({ copied: 2, uploads: 2, damaged: [] });
    await moved.close();
    const alone = await openStore({ ...options, blobs: folder });
    ended.defer(() => alone.close());
    for (const { id, bytes } of begun) {
      await alone.uploads.append(home, id, source(bytes.subarray(-100)));
      await alone.uploads.finish(home, id, digestOf(bytes));
      digests.push(digestOf(bytes));
    }
    for (const digest of digests) expect(await read(alone, digest)).toBe(digest);
  });
});

describe.skipIf(lacksCeph())("a server that does not know conditional writes", () => {
  it("is found out by the probe, and a store on it keeps its name, its blobs and its sessions", async () => {
    await using stack = new AsyncDisposableStack();
    const folder = stack.use(await temporaryFolder("waybill-heedless-"));
    const ceph = await cephBucket();
    const gateway = stack.use(await heedlessGateway(ceph));
    const [honest, heedless] = [ceph.url(), ceph.url("store", gateway.url)];
    expect(await examineBlobs(honest, { credentials: ceph })).toMatchObject({ honoursConditions: true });
    expect(await examineBlobs(heedless, { credentials: ceph })).toMatchObject({ honoursConditions: false });

    const options = {
      root: join(folder.path, "root"),
      blobs: heedless,
      credentials: ceph,
      limits: { collectEveryMs: 0 },
    };
    const asked = gateway.conditions;
    let store = await openStore(options);
    stack.defer(() => store.close());
    // The probe of the start is the only condition that was ever set: nothing relies on them after it.
    expect(gateway.conditions).toBe(asked + 1);
    const [small, large] = [randomBytes(1000), randomBytes(9 * MiB)];
    const digests = await Promise.all(
      [small, small, large, large].map(async (bytes) => (await store.blobs.put(home, source(bytes))).digest),
    );
    const { id } = await store.uploads.start(home);
    await store.uploads.append(home, id, source(large.subarray(1, 6 * MiB)));
    await store.close();
    store = await openStore(options);
    await store.uploads.append(home, id, source(large.subarray(6 * MiB)));
    await store.uploads.finish(home, id, digestOf(large.subarray(1)));
    for (const digest of [...digests, digestOf(large.subarray(1))]) expect(await read(store, digest)).toBe(digest);
    expect(gateway.conditions).toBe(asked + 2);
    await store.close();

    // Another catalog is refused there, as everywhere.
    await expect(openStore({ ...options, root: join(folder.path, "other") })).rejects.toThrow("do not belong together");
  });

  it("lets one of two catalogs have a new place when both come at once, and the other is told", async () => {
    await using stack = new AsyncDisposableStack();
    const folder = stack.use(await temporaryFolder("waybill-heedless-"));
    const ceph = await cephBucket();
    const gateway = stack.use(await heedlessGateway(ceph));
    const options = { credentials: ceph, limits: { collectEveryMs: 0 } };
    for (let round = 0; round < 5; round++) {
      const blobs = ceph.url(`round-${round}`, gateway.url);
      const outcomes = await Promise.allSettled(
        ["a", "b"].map(async (name) => {
          const store = await openStore({ ...options, root: join(folder.path, `${round}${name}`), blobs });
          await store.close();
          return name;
        }),
      );
      // One that was held up for long between its look and its writing may come through, too; no further than to its next start.
      expect(outcomes.map(({ status }) => status)).toContain("fulfilled");
      const again = await Promise.allSettled(
        outcomes.map(async (_, index) => {
          const store = await openStore({ ...options, root: join(folder.path, `${round}${"ab"[index]}`), blobs });
          await store.close();
        }),
      );
      expect(again.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    }
  });
});
