import { randomBytes } from "node:crypto";
import { PassThrough } from "node:stream";
import { buffer } from "node:stream/consumers";
import { setImmediate as nextTurn } from "node:timers/promises";
import { testDatabaseUrl, type DatabaseKind, type TestDatabase } from "@waybill/foundation/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { digestOf, type Digest, type DigestAlgorithm } from "../digest/index.ts";
import { mediaTypes } from "../manifests/index.ts";
import { parseRepositoryName } from "../names/index.ts";
import { folderPlace, type TestPlace } from "../testing/index.ts";
import { openStore, type BlobDamage, type OpenBlob, type Store, type StoreOptions } from "./index.ts";

const home = parseRepositoryName("acme/app");
const other = parseRepositoryName("globex/app");
/** More than stays in memory, and not a multiple of what is read at once; few enough that a bucket has it under its digest. */
const size = 700_001;
const damaged = { code: "BLOB_DAMAGED" };
const unknown = { code: "BLOB_UNKNOWN" };

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[at]! ^= 1;
  return copy;
}

/** What a store does about bytes that are not right, whichever database holds its catalog, and wherever its bytes are. */
export function describeDamage(kind: DatabaseKind, startPlace: () => Promise<TestPlace> = folderPlace): void {
  describe(`damaged bytes, with the catalog on ${kind}`, () => {
    let place: TestPlace;
    let database: TestDatabase;
    let store: Store;
    let found: BlobDamage[];
    let healed: Digest[];
    const open = (options: Partial<StoreOptions> = {}): Promise<Store> =>
      openStore({
        ...place.options,
        database: database.url,
        verifyReads: true,
        onBlobDamage: (damage) => found.push(damage),
        onBlobHealed: (digest) => healed.push(digest),
        limits: { collectEveryMs: 0 },
        ...options,
      });
    const reopen = async (options: Partial<StoreOptions> = {}): Promise<void> => {
      await store.close();
      store = await open(options);
    };

    beforeEach(async () => {
      found = [];
      healed = [];
      place = await startPlace();
      database = await testDatabaseUrl(kind);
      store = await open();
    });
    afterEach(async () => {
      await store.close();
      await database.drop();
      await place[Symbol.asyncDispose]();
    });

    const put = async (
      bytes: Uint8Array,
      repository = home,
      algorithm: DigestAlgorithm = "sha256",
    ): Promise<Digest> => {
      const source = { chunks: new Blob([Uint8Array.from(bytes)]).stream() };
      return (await store.blobs.put(repository, source, digestOf(bytes, algorithm))).digest;
    };
    /** How many bytes came before the end, and how it ended. */
    const read = async (blob: OpenBlob, range?: { start: number; end: number }) => {
      const pieces: Uint8Array[] = [];
      try {
        for await (const piece of blob.reader.stream(range)) pieces.push(piece as Uint8Array);
        return { bytes: Buffer.concat(pieces), error: undefined };
      } catch (error) {
        return { bytes: Buffer.concat(pieces), error };
      }
    };
    const told = async (of?: Digest): Promise<string[]> => {
      const events = await store.events.read({ after: 0, limit: 1000 });
      return events
        .filter(({ type, subject }) => ["blob.damaged", "blob.healed"].includes(type) && (of ?? subject) === subject)
        .map(({ type }) => type);
    };

    it.each<[string, number, DigestAlgorithm]>([
      ["the first byte", 0, "sha256"],
      ["one in the middle", 300_000, "sha256"],
      ["the last byte", size - 1, "sha256"],
      ["the last byte, under sha512", size - 1, "sha512"],
    ])(
      "%s is another one: a stream never ends well, and the blob is not promised any more",
      async (_, at, algorithm) => {
        const bytes = randomBytes(size);
        const digest = await put(bytes, home, algorithm);
        await place.tamper(digest, flipped(bytes, at));
        expect((await store.blobs.stat(home, digest)).size).toBe(size);
        const { bytes: came, error } = await read(await store.blobs.open(home, digest));
        expect(error).toMatchObject(damaged);
        expect(came.byteLength).toBeLessThan(size);
        await expect(store.blobs.stat(home, digest)).rejects.toMatchObject(unknown);
        await expect(store.blobs.open(home, digest)).rejects.toMatchObject(damaged);
        expect(found.map((one) => one.digest)).toEqual([digest]);
      },
    );

    it("a copy breaks off as well; right bytes come through stream, copy and range whole", async () => {
      const bytes = randomBytes(size);
      const digest = await put(bytes);
      expect((await read(await store.blobs.open(home, digest))).bytes.equals(bytes)).toBe(true);
      const copied = new PassThrough({ highWaterMark: 2 * size });
      // Taken as it comes: a chunk's memory is used again after its callback.
      const whole: Buffer[] = [];
      copied.on("data", (chunk: Buffer) => whole.push(Buffer.from(chunk)));
      await (await store.blobs.open(home, digest)).reader.copyTo(copied);
      copied.end();
      expect(Buffer.concat(whole).equals(bytes)).toBe(true);
      await place.tamper(digest, flipped(bytes, size - 1));
      const broken = new PassThrough({ highWaterMark: 2 * size });
      broken.resume();
      await expect((await store.blobs.open(home, digest)).reader.copyTo(broken)).rejects.toMatchObject(damaged);
      expect(found).toHaveLength(1);
    });

    it("a part of a blob has no digest, and is given as it lies; a range that is all of it is all of it", async () => {
      const bytes = randomBytes(size);
      const digest = await put(bytes);
      const wrong = flipped(bytes, 10);
      await place.tamper(digest, wrong);
      const part = await read(await store.blobs.open(home, digest), { start: 5, end: 500_000 });
      expect(part.bytes.equals(wrong.subarray(5, 500_001))).toBe(true);
      expect(found).toEqual([]);
      const all = await read(await store.blobs.open(home, digest), { start: 0, end: size - 1 });
      expect(all.error).toMatchObject(damaged);
    });

    it.each<[string, number | undefined]>([
      ["shorter", -1],
      ["longer", 1],
      ["gone", undefined],
    ])("bytes that are %s are known before the first one is given, and marked", async (_, by) => {
      const bytes = randomBytes(size);
      const digest = await put(bytes);
      await place.tamper(
        digest,
        by === undefined ? undefined : Buffer.concat([bytes, randomBytes(1)]).subarray(0, size + by),
      );
      await expect(store.blobs.open(home, digest)).rejects.toMatchObject(damaged);
      await expect(store.blobs.stat(home, digest)).rejects.toMatchObject(unknown);
      await put(bytes);
      expect((await read(await store.blobs.open(home, digest))).bytes.equals(bytes)).toBe(true);
    });

    it("a small one is marked without the setting; a large one is given as it lies", async () => {
      await reopen({ verifyReads: false });
      const [small, large] = [randomBytes(5000), randomBytes(size)];
      const digests = [await put(small), await put(large)] as const;
      await place.tamper(digests[0], flipped(small, 1));
      await place.tamper(digests[1], flipped(large, 1));
      await expect(store.blobs.open(home, digests[0])).rejects.toMatchObject(damaged);
      await expect(store.blobs.stat(home, digests[0])).rejects.toMatchObject(unknown);
      expect((await read(await store.blobs.open(home, digests[1]))).error).toBeUndefined();
      expect(found.map(({ digest }) => digest)).toEqual([digests[0]]);
    });

    it("a mark holds in every repository and over a restart, is told once, and goes with the next push, wherever that is", async () => {
      const bytes = randomBytes(size);
      const digest = await put(bytes);
      await store.blobs.mount(other, digest, home);
      await place.tamper(digest, flipped(bytes, 7));
      const both = await Promise.all([store.blobs.open(home, digest), store.blobs.open(other, digest)]);
      for (const one of await Promise.all(both.map((blob) => read(blob)))) expect(one.error).toMatchObject(damaged);
      expect(found).toHaveLength(1);
      await reopen();
      for (const repository of [home, other]) {
        await expect(store.blobs.stat(repository, digest)).rejects.toMatchObject(unknown);
        await expect(store.blobs.open(repository, digest)).rejects.toMatchObject(damaged);
      }
      const third = parseRepositoryName("acme/third");
      expect(await store.blobs.mount(third, digest, home)).toBeUndefined();
      await put(bytes, other);
      for (const repository of [home, other]) {
        expect((await store.blobs.stat(repository, digest)).size).toBe(size);
        expect((await read(await store.blobs.open(repository, digest))).bytes.equals(bytes)).toBe(true);
      }
      expect(await store.blobs.mount(third, digest, home)).toEqual({ digest, size });
      expect(await told()).toEqual(["blob.damaged", "blob.healed"]);
      expect(healed).toEqual([digest]);
    });

    it("whenever a mark comes beside pushes, its end is told as well, and once", async () => {
      // Small ones are looked at when they are opened, large ones at their end: marks come early and late.
      const blobs = Array.from({ length: 24 }, (_, at) => randomBytes(at % 6 === 0 ? size : 5000));
      const digests = await Promise.all(blobs.map((bytes) => put(bytes)));
      for (const [at, bytes] of blobs.entries()) await place.tamper(digests[at]!, flipped(bytes, 3));
      await Promise.all(
        blobs.map(async (bytes, at) => {
          const reading = store.blobs.open(home, digests[at]!).then(read, () => undefined);
          for (let turns = at % 8; turns > 0; turns--) await nextTurn();
          await Promise.all([put(bytes), put(bytes, other), reading]);
        }),
      );
      for (const digest of digests) {
        const marks = found.filter((damage) => damage.digest === digest).length;
        expect(await told(digest)).toEqual(Array.from({ length: marks }, () => ["blob.damaged", "blob.healed"]).flat());
        expect(healed.filter((one) => one === digest)).toHaveLength(marks);
        expect((await store.blobs.stat(home, digest)).digest).toBe(digest);
      }
    });

    it("a manifest may not name a damaged blob before it is healed; one that does already keeps it through a collection", async () => {
      const bytes = randomBytes(size);
      const [config, layer] = [await put(Buffer.from("{}")), await put(bytes)];
      const image = (note: string): Buffer =>
        Buffer.from(
          JSON.stringify({
            schemaVersion: 2,
            mediaType: mediaTypes.ociImage,
            config: { mediaType: "application/vnd.oci.image.config.v1+json", digest: config, size: 2 },
            layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar", digest: layer, size }],
            annotations: { note },
          }),
        );
      const { digest } = await store.manifests.put(home, image("one"));
      await store.retention.hold(home, digest, { name: "keep", holder: "test", why: "it is needed" });
      await place.tamper(layer, flipped(bytes, 1));
      await read(await store.blobs.open(home, layer));
      await expect(store.manifests.put(home, image("two"))).rejects.toMatchObject({ code: "MANIFEST_BLOB_UNKNOWN" });
      const far = Date.now() + 400 * 24 * 3_600_000;
      await reopen({ now: () => far });
      await store.collection.run({ everywhere: true });
      await expect(store.blobs.open(home, layer)).rejects.toMatchObject(damaged);
      await put(bytes);
      await store.manifests.put(home, image("two"));
      expect((await read(await store.blobs.open(home, layer))).bytes.equals(bytes)).toBe(true);
    });

    it("a package is not sealed over a damaged file before that is added again", async () => {
      const bytes = randomBytes(size);
      const { id } = await store.packages.open({ repository: home, producer: "ci", kind: "junit" });
      const add = () => store.packages.addFile(id, "report.bin", { chunks: new Blob([bytes]).stream() });
      const { digest } = await add();
      await place.tamper(digest, flipped(bytes, 1));
      await read(await store.blobs.open(home, digest));
      await expect(store.packages.seal(id)).rejects.toMatchObject(damaged);
      await add();
      expect((await store.packages.seal(id)).state).toBe("sealed");
      const { reader } = await store.packages.openFile(id, "report.bin");
      expect((await buffer(reader.stream())).equals(bytes)).toBe(true);
    });

    it("bytes that are gone together with their whole place are not marked: a disk that is not mounted has lost nothing", async () => {
      const bytes = randomBytes(size);
      const digest = await put(bytes);
      const name = (await place.backend.identity()) ?? "";
      await place.tamper(digest, undefined);
      await place.forgetIdentity();
      await expect(store.blobs.open(home, digest)).rejects.toMatchObject(damaged);
      await place.backend.identify(name, undefined);
      await place.tamper(digest, bytes);
      expect((await read(await store.blobs.open(home, digest))).bytes.equals(bytes)).toBe(true);
      expect(found).toEqual([]);
    });

    it("a push that heals while the damaged bytes are being read is not marked", async () => {
      const bytes = randomBytes(size);
      const digest = await put(bytes);
      await place.tamper(digest, flipped(bytes, 1));
      const reading = (await store.blobs.open(home, digest)).reader.stream();
      // In the middle: the old bytes are open, and the last ones have not been asked for.
      const pieces = reading.iterator({ destroyOnReturn: false });
      await pieces.next();
      await put(bytes);
      await buffer(reading).catch(() => undefined);
      expect((await store.blobs.stat(home, digest)).size).toBe(size);
      expect((await read(await store.blobs.open(home, digest))).bytes.equals(bytes)).toBe(true);
      expect(found).toEqual([]);
    });

    it("the audit tells of damage and marks nothing", async () => {
      const bytes = randomBytes(size);
      const digest = await put(bytes);
      await place.tamper(digest, flipped(bytes, 1));
      expect((await store.collection.audit()).findings).toMatchObject([{ kind: "corrupt" }]);
      expect((await store.blobs.stat(home, digest)).size).toBe(size);
      expect(await told()).toEqual([]);
    });

    it("a reader that is closed, or destroyed before its first byte, leaves nothing open", async () => {
      const digest = await put(randomBytes(size));
      await (await store.blobs.open(home, digest)).reader.close();
      const stream = (await store.blobs.open(home, digest)).reader.stream();
      await new Promise((resolve) => stream.once("close", resolve).destroy());
      expect((await store.blobs.stat(home, digest)).size).toBe(size);
    });
  });
}
