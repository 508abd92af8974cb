import { randomBytes } from "node:crypto";
import { mkdir, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { testDatabaseUrl, type DatabaseKind, type TestDatabase } from "@waybill/foundation/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { digestOf, type Digest } from "../digest/index.ts";
import { mediaTypes } from "../manifests/index.ts";
import { parseRepositoryName, parseTag } from "../names/index.ts";
import { folderPlace, type TestPlace } from "../testing/index.ts";
import type { ByteSource } from "../uploads/index.ts";
import { openStore, type Store, type StoreOptions } from "./index.ts";

const home = parseRepositoryName("acme/app");
const other = parseRepositoryName("globex/app");

async function* broken(...chunks: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
  throw new Error("connection reset");
}

function from(...chunks: Uint8Array[]): ByteSource {
  return {
    chunks: (async function* () {
      yield* chunks;
    })(),
  };
}

/** What a store promises, whichever database holds its catalog, and wherever its bytes are. */
export function describeStore(kind: DatabaseKind, startPlace: () => Promise<TestPlace> = folderPlace): void {
  describe(`a store with its catalog on ${kind}`, () => {
    let place: TestPlace;
    let database: TestDatabase;
    let store: Store;
    const open = (options: Partial<StoreOptions> = {}): Promise<Store> =>
      openStore({ ...place.options, database: database.url, ...options });

    beforeEach(async () => {
      place = await startPlace();
      database = await testDatabaseUrl(kind);
      store = await open();
    });
    afterEach(async () => {
      await store.close();
      await database.drop();
      await place[Symbol.asyncDispose]();
    });

    const put = async (bytes: Uint8Array, repository = home): Promise<Digest> =>
      (await store.blobs.put(repository, from(bytes))).digest;
    const bytesOf = async (digest: Digest, repository = home): Promise<Buffer> =>
      buffer((await store.blobs.open(repository, digest)).reader.stream());
    const stages = (): Promise<string[]> => place.stageIds();
    async function putImage(repository = home, tag = "latest"): Promise<Digest> {
      const config = await put(Buffer.from("{}"), repository);
      const layer = await put(Buffer.from("layer"), repository);
      const manifest = {
        schemaVersion: 2,
        mediaType: mediaTypes.ociImage,
        config: { mediaType: "application/vnd.oci.image.config.v1+json", digest: config, size: 2 },
        layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar", digest: layer, size: 5 }],
      };
      const content = Buffer.from(JSON.stringify(manifest));
      return (await store.manifests.put(repository, content, { tags: [parseTag(tag)] })).digest;
    }

    it("gives back what was put, under sha256 or sha512, and it is there after a restart", async () => {
      const bytes = randomBytes(700_000);
      const wanted = digestOf(bytes, "sha512");
      const digest = await put(bytes);
      await store.blobs.put(home, from(bytes.subarray(0, 300_000), bytes.subarray(300_000)), wanted);
      await store.close();
      store = await open();
      expect(digest).toBe(digestOf(bytes));
      expect((await bytesOf(digest)).equals(bytes)).toBe(true);
      expect((await bytesOf(wanted)).equals(bytes)).toBe(true);
    });

    it("never touches the memory of a source that did not give it away", async () => {
      const bytes = new Uint8Array(1_000_000).fill(5);
      await put(bytes);
      expect(bytes.byteLength).toBe(1_000_000);
    });

    it("refuses bytes of another digest, too few, too many, and those of a source that broke; nothing is left of them", async () => {
      const bytes = Buffer.from("hello");
      const wrong = digestOf(Buffer.from("other"));
      await expect(store.blobs.put(home, from(bytes), wrong)).rejects.toMatchObject({ code: "DIGEST_INVALID" });
      for (const length of [4, 6]) {
        await expect(store.blobs.put(home, { ...from(bytes), length })).rejects.toMatchObject({ code: "SIZE_INVALID" });
      }
      await expect(store.blobs.put(home, { chunks: broken(bytes) })).rejects.toMatchObject({
        code: "UPLOAD_TRUNCATED",
      });
      expect(await stages()).toEqual([]);
      await expect(store.blobs.stat(home, digestOf(bytes))).rejects.toMatchObject({ code: "NAME_UNKNOWN" });
    });

    it("refuses a blob over the limit as soon as it is over", async () => {
      await store.close();
      store = await open({ limits: { largestBlobBytes: 1000 } });
      await expect(put(randomBytes(1001))).rejects.toMatchObject({ code: "TOO_LARGE" });
      expect(await put(randomBytes(1000))).toBeDefined();
    });

    it("shows a blob only where it was put or mounted", async () => {
      const digest = await put(Buffer.from("secret"));
      await put(Buffer.from("theirs"), other);
      await expect(store.blobs.stat(other, digest)).rejects.toMatchObject({ code: "BLOB_UNKNOWN" });
      await expect(store.blobs.open(other, digest)).rejects.toMatchObject({ code: "BLOB_UNKNOWN" });
      expect(await store.blobs.mount(other, digestOf(Buffer.from("nobody's")), home)).toBeUndefined();
      expect(await store.blobs.mount(other, digest, home)).toEqual({ digest, size: 6 });
      expect((await bytesOf(digest, other)).toString()).toBe("secret");
      await store.blobs.remove(home, digest);
      await expect(store.blobs.stat(home, digest)).rejects.toMatchObject({ code: "BLOB_UNKNOWN" });
      await expect(store.blobs.remove(home, digest)).rejects.toMatchObject({ code: "BLOB_UNKNOWN" });
      expect((await bytesOf(digest, other)).toString()).toBe("secret");
    });

    it("says that a blob is damaged instead of serving half of it, and heals it by the next push", async () => {
      const bytes = randomBytes(5000);
      const digest = await put(bytes);
      await place.tamper(digest, bytes.subarray(0, 100));
      await expect(store.blobs.open(home, digest)).rejects.toMatchObject({ code: "BLOB_DAMAGED" });
      await put(bytes);
      expect((await bytesOf(digest)).equals(bytes)).toBe(true);
    });

    it("a small blob whose bytes were altered is not given, and not remembered", async () => {
      const bytes = randomBytes(5000);
      const digest = await put(bytes);
      await place.tamper(digest, randomBytes(5000));
      await expect(store.blobs.open(home, digest)).rejects.toMatchObject({ code: "BLOB_DAMAGED" });
      await put(bytes);
      expect((await bytesOf(digest)).equals(bytes)).toBe(true);
    });

    it("leases a blob that it speaks of, and does not write for every question", async () => {
      let now = Date.now();
      await store.close();
      store = await open({ now: () => now, limits: { leaseMs: 60_000 } });
      const digest = await put(Buffer.from("leased"));
      const before = await store.events.newest();
      now += 50_000;
      await store.blobs.stat(home, digest);
      expect(await store.events.newest()).toBe(before);
    });

    it("an upload takes its bytes in pieces, tells where it is, and outlives a restart", async () => {
      const bytes = randomBytes(600_000);
      const { id } = await store.uploads.start(home);
      await store.uploads.append(home, id, from(bytes.subarray(0, 250_000)), 0);
      await store.close();
      store = await open();
      expect(await store.uploads.status(home, id)).toMatchObject({ id, offset: 250_000 });
      await expect(store.uploads.append(home, id, from(bytes), 0)).rejects.toMatchObject({ code: "RANGE_INVALID" });
      await store.uploads.append(home, id, from(bytes.subarray(250_000, 400_000)));
      const last = { source: from(bytes.subarray(400_000)), offset: 400_000 };
      expect(await store.uploads.finish(home, id, digestOf(bytes), last)).toEqual({
        digest: digestOf(bytes),
        size: 600_000,
      });
      expect((await bytesOf(digestOf(bytes))).equals(bytes)).toBe(true);
      await expect(store.uploads.status(home, id)).rejects.toMatchObject({ code: "BLOB_UPLOAD_UNKNOWN" });
      expect(await stages()).toEqual([]);
    });

    it("an upload begun for sha256 can be finished with sha512", async () => {
      const bytes = randomBytes(300_000);
      const { id } = await store.uploads.start(home);
      await store.uploads.append(home, id, from(bytes));
      const digest = digestOf(bytes, "sha512");
      expect((await store.uploads.finish(home, id, digest)).digest).toBe(digest);
    });

    it("a connection that breaks loses nothing of what came, and the upload goes on", async () => {
      const bytes = randomBytes(200_000);
      const { id } = await store.uploads.start(home);
      const first = { chunks: broken(bytes.subarray(0, 90_000), bytes.subarray(90_000, 120_000)) };
      await expect(store.uploads.append(home, id, first)).rejects.toMatchObject({ code: "UPLOAD_TRUNCATED" });
      expect((await store.uploads.status(home, id)).offset).toBe(120_000);
      await store.uploads.append(home, id, from(bytes.subarray(120_000)), 120_000);
      expect((await store.uploads.finish(home, id, digestOf(bytes))).size).toBe(200_000);
    });

    it("two writers of one upload do not mix: the second one is refused", async () => {
      const { id } = await store.uploads.start(home);
      const gate = Promise.withResolvers<void>();
      async function* slow(): AsyncGenerator<Uint8Array> {
        yield Buffer.from("one");
        await gate.promise;
      }
      const first = store.uploads.append(home, id, { chunks: slow() });
      await expect(store.uploads.append(home, id, from(Buffer.from("two")))).rejects.toMatchObject({
        code: "UPLOAD_BUSY",
      });
      // Who has no part in it does not even hear that.
      for (const stranger of [
        () => store.uploads.append(other, id, from(Buffer.from("three"))),
        () => store.uploads.finish(other, id, digestOf(Buffer.from("one"))),
        () => store.uploads.cancel(other, id),
        () => store.uploads.status(other, id),
      ]) {
        await expect(stranger()).rejects.toMatchObject({ code: "BLOB_UPLOAD_UNKNOWN" });
      }
      gate.resolve();
      expect((await first).offset).toBe(3);
    });

    it("a wrong digest ends an upload, and so does cancelling it; another repository cannot touch it", async () => {
      const { id } = await store.uploads.start(home);
      await expect(store.uploads.status(other, id)).rejects.toMatchObject({ code: "BLOB_UPLOAD_UNKNOWN" });
      await expect(store.uploads.cancel(other, id)).rejects.toMatchObject({ code: "BLOB_UPLOAD_UNKNOWN" });
      await expect(store.uploads.finish(home, id, digestOf(Buffer.from("x")))).rejects.toMatchObject({
        code: "DIGEST_INVALID",
      });
      await expect(store.uploads.status(home, id)).rejects.toMatchObject({ code: "BLOB_UPLOAD_UNKNOWN" });
      const second = await store.uploads.start(home);
      await store.uploads.cancel(home, second.id);
      await expect(store.uploads.status(home, second.id)).rejects.toMatchObject({ code: "BLOB_UPLOAD_UNKNOWN" });
      expect(await stages()).toEqual([]);
    });

    it("sweeps what nobody continued and what nobody owns, and leaves what is fresh or used", async () => {
      let now = Date.now();
      await store.close();
      store = await open({ now: () => now, limits: { uploadLifetimeMs: 1000 } });
      await store.uploads.sweep();
      const old = await store.uploads.start(home);
      const orphan = "00000000-0000-4000-8000-000000000000";
      const stage = await place.backend.beginStage(orphan);
      await stage.write([Buffer.from("half")]);
      await stage.flush();
      await stage.close();
      const others: string[] = [];
      if (place.kind === "folder") {
        const uploads = join(place.options.root, "uploads");
        await utimes(join(uploads, orphan), new Date(now - 3_600_000), new Date(now - 3_600_000));
        others.push("00000000-0000-4000-8000-000000000001", "not ours");
        await writeFile(join(uploads, others[0]!), "under way");
        await mkdir(join(uploads, others[1]!));
        now += 2000;
      } else now += 3_600_000; // nobody can make an object look old
      const fresh = await store.uploads.start(home);
      expect(await store.uploads.sweep()).toEqual({ expired: 1, orphans: 1 });
      if (place.kind === "folder") others.push(fresh.id); // in a bucket nothing is kept of what has no bytes, for a second
      expect((await stages()).filter((id) => id !== fresh.id || place.kind === "folder").toSorted()).toEqual(
        others.toSorted(),
      );
      await expect(store.uploads.status(home, old.id)).rejects.toMatchObject({ code: "BLOB_UPLOAD_UNKNOWN" });
      expect((await store.uploads.status(home, fresh.id)).offset).toBe(0);
    });

    it("keeps a manifest byte for byte, by tag and by digest", async () => {
      const digest = await putImage();
      const byTag = await store.manifests.get(home, { tag: parseTag("latest") });
      expect(byTag).toMatchObject({ digest, mediaType: mediaTypes.ociImage });
      expect(digestOf(byTag.content)).toBe(digest);
      expect((await store.manifests.get(home, { digest })).content).toEqual(byTag.content);
      await expect(store.manifests.get(home, { tag: parseTag("v2") })).rejects.toMatchObject({
        code: "MANIFEST_UNKNOWN",
      });
      await expect(store.manifests.get(other, { digest })).rejects.toMatchObject({ code: "NAME_UNKNOWN" });
    });

    it("refuses a manifest whose content another repository has and this one has not", async () => {
      const theirs = await putImage(other);
      const { content } = await store.manifests.get(other, { digest: theirs });
      await expect(store.manifests.put(home, content)).rejects.toMatchObject({ code: "MANIFEST_BLOB_UNKNOWN" });
      const index = {
        schemaVersion: 2,
        mediaType: mediaTypes.ociIndex,
        manifests: [{ mediaType: mediaTypes.ociImage, digest: theirs, size: 1 }],
      };
      const bytes = Buffer.from(JSON.stringify(index));
      await expect(store.manifests.put(home, bytes)).rejects.toMatchObject({ code: "MANIFEST_BLOB_UNKNOWN" });
      expect((await store.manifests.put(other, bytes)).digest).toBe(digestOf(bytes));
    });

    it("moves a tag, takes a tag without its manifest, and a manifest with its tags", async () => {
      const digest = await putImage(home, "v1");
      await putImage(home, "v2");
      const tag = (name: string) => store.manifests.get(home, { tag: parseTag(name) });
      await store.tags.remove(home, parseTag("v1"));
      await expect(tag("v1")).rejects.toMatchObject({ code: "MANIFEST_UNKNOWN" });
      expect((await tag("v2")).digest).toBe(digest);
      await store.manifests.remove(home, digest);
      await expect(tag("v2")).rejects.toMatchObject({ code: "MANIFEST_UNKNOWN" });
      await expect(store.manifests.remove(home, digest)).rejects.toMatchObject({ code: "MANIFEST_UNKNOWN" });
    });

    it("lists tags in byte order, page by page", async () => {
      const { content } = await store.manifests.get(home, { digest: await putImage(home, "b") });
      await store.manifests.put(home, content, { tags: ["B", "a", "c-1", "_x", "10", "9"].map(parseTag) });
      const all = ["10", "9", "B", "_x", "a", "b", "c-1"];
      expect(await store.tags.list(home, { limit: 100 })).toEqual({ tags: all, more: false });
      expect(await store.tags.list(home, { limit: 3 })).toEqual({ tags: all.slice(0, 3), more: true });
      expect(await store.tags.list(home, { limit: 4, after: "B" })).toEqual({ tags: all.slice(3), more: false });
      expect(await store.tags.list(home, { limit: 0 })).toEqual({ tags: [], more: false });
      await expect(store.tags.list(other, { limit: 1 })).rejects.toMatchObject({ code: "NAME_UNKNOWN" });
    });

    it("lists what refers to a manifest, also to one that never came", async () => {
      const subject = digestOf(Buffer.from("not here"));
      const config = await put(Buffer.from("{}"));
      const about = (kind: string) =>
        Buffer.from(
          JSON.stringify({
            schemaVersion: 2,
            mediaType: mediaTypes.ociImage,
            artifactType: kind,
            config: { mediaType: "application/vnd.oci.empty.v1+json", digest: config, size: 2 },
            layers: [],
            subject: { mediaType: mediaTypes.ociImage, digest: subject, size: 8 },
            annotations: { kind },
          }),
        );
      const sbom = await store.manifests.put(home, about("application/sbom"));
      const signature = await store.manifests.put(home, about("application/signature"));
      expect(sbom.subject).toBe(subject);
      const all = await store.manifests.referrers(home, subject);
      expect(all.referrers.map((referrer) => referrer.digest)).toEqual([sbom.digest, signature.digest].toSorted());
      const some = await store.manifests.referrers(home, subject, { artifactType: "application/sbom" });
      expect(some.referrers).toMatchObject([
        { digest: sbom.digest, artifactType: "application/sbom", annotations: { kind: "application/sbom" } },
      ]);
      expect((await store.manifests.referrers(other, subject)).referrers).toEqual([]);
    });

    it("tells of every change, once, in order, under the repository's tenant", async () => {
      const digest = await putImage(home, "v1");
      await putImage(home, "v1");
      await store.tags.remove(home, parseTag("v1"));
      const events = await store.events.read({ after: 0, limit: 100 });
      expect(events.map(({ type, subject, tenant }) => `${type} ${subject.split(/[@:]/)[0]} ${tenant}`)).toEqual([
        "blob.stored acme/app acme",
        "blob.stored acme/app acme",
        "manifest.stored acme/app acme",
        "tag.moved acme/app acme",
        expect.stringMatching(/^package\.sealed packages\/[0-9a-f-]+ acme$/),
        "tag.removed acme/app acme",
      ]);
      expect(events[3]).toMatchObject({ subject: "acme/app:v1", data: { tag: "v1", digest, before: null } });
    });

    it("a second store cannot open the same folder until the first one has closed it", async () => {
      await expect(open()).rejects.toThrow("in use by another process");
      await store.close();
      store = await open();
      await expect(store.check()).resolves.toBeUndefined();
    });

    it("says that it works, and closes twice", async () => {
      await expect(store.check()).resolves.toBeUndefined();
      await store.close();
      await expect(store.close()).resolves.toBeUndefined();
    });
  });
}
