import { buffer } from "node:stream/consumers";
import { openDatabase, type Database } from "@waybill/foundation/database";
import { eventLogMigrations } from "@waybill/foundation/eventlog";
import { testDatabaseUrl, type DatabaseKind, type TestDatabase } from "@waybill/foundation/testing";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { storeMigrations, type StoreTables } from "../catalog/index.ts";
import { digestOf, hexOf, type Digest } from "../digest/index.ts";
import { mediaTypes } from "../manifests/index.ts";
import { digestOfKey } from "../blobs/index.ts";
import { parseRepositoryName, parseTag, type RepositoryName } from "../names/index.ts";
import { folderPlace, type TestPlace } from "../testing/index.ts";
import { openStore, type Store } from "./index.ts";

const home = parseRepositoryName("acme/app");
const other = parseRepositoryName("acme/other");
const brief = parseRepositoryName("acme/brief");
const leaseMs = 10;
const limits = { leaseMs, graceMs: 5, looseBlobMs: 20, orphanGraceMs: 3_600_000, collectEveryMs: 0 };
const long = 1000;
const hold = { name: "case-7", holder: "legal", why: "a lawsuit" };
const config = { mediaType: "application/vnd.oci.image.config.v1+json", digest: digestOf(Buffer.from("{}")), size: 2 };

/** What collection and retention promise, whichever database holds the catalog, and wherever the bytes are. */
export function describeCollection(kind: DatabaseKind, startPlace: () => Promise<TestPlace> = folderPlace): void {
  describe(`collection with the catalog on ${kind}`, () => {
    let place: TestPlace;
    let server: TestDatabase;
    let database: Database<StoreTables>;
    let store: Store;
    let now = 0;
    /** A bucket is a hundred times slower than a folder; the interleavings are found on folders. */
    const runs = (count: number): number => (startPlace === folderPlace ? count : 3);

    const open = (): Promise<Store> => openStore({ ...place.options, database, limits, now: () => now });
    beforeEach(async () => {
      now = Date.now();
      place = await startPlace();
      server = await testDatabaseUrl(kind);
      database = await openDatabase<StoreTables>({
        url: server.url,
        migrations: [storeMigrations, eventLogMigrations],
      });
      store = await open();
    });
    afterEach(async () => {
      await store.close();
      await database.close();
      await server.drop();
      await place[Symbol.asyncDispose]();
    });

    const put = async (text: string, repository = home): Promise<Digest> =>
      (await store.blobs.put(repository, { chunks: new Blob([text]).stream() })).digest;
    const files = (): Promise<string[]> => place.blobPaths();
    async function putManifest(
      layers: readonly string[],
      o: { repository?: RepositoryName; tag?: string; subject?: Digest } = {},
    ): Promise<Digest> {
      const { repository = home, tag, subject } = o;
      await put("{}", repository);
      for (const layer of layers) await put(layer, repository);
      const manifest = {
        schemaVersion: 2,
        mediaType: mediaTypes.ociImage,
        config,
        layers: layers.map((layer) => ({
          mediaType: "application/vnd.oci.image.layer.v1.tar",
          digest: digestOf(Buffer.from(layer)),
          size: layer.length,
        })),
        ...(subject === undefined ? {} : { subject: { mediaType: mediaTypes.ociImage, digest: subject, size: 1 } }),
      };
      const tags = tag === undefined ? [] : [parseTag(tag)];
      return (await store.manifests.put(repository, Buffer.from(JSON.stringify(manifest)), { tags })).digest;
    }
    async function putIndex(children: readonly Digest[], tag: string): Promise<Digest> {
      const manifests = children.map((digest) => ({ mediaType: mediaTypes.ociImage, digest, size: 1 }));
      const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests };
      return (await store.manifests.put(home, Buffer.from(JSON.stringify(index)), { tags: [parseTag(tag)] })).digest;
    }
    const isThere = async (digest: Digest, repository = home): Promise<boolean> =>
      store.retention.show(repository, digest).then(
        () => true,
        () => false,
      );
    /** Everything that time alone brings. */
    async function settle(): Promise<void> {
      for (let round = 0; round < 3; round++) {
        now += long;
        await store.collection.run();
      }
    }

    it("gives back what a deleted image alone had, after lease and grace, and nothing else", async () => {
      const image = await putManifest(["own", "shared"], { tag: "v1" });
      await putManifest(["shared"], { repository: other, tag: "v1" });
      await settle();
      expect((await files()).length).toBe(3);
      await store.manifests.remove(home, image);
      expect((await files()).length).toBe(3);
      await settle();
      expect((await files()).length).toBe(2);
      await expect(store.blobs.stat(home, digestOf(Buffer.from("shared")))).rejects.toMatchObject({
        code: "BLOB_UNKNOWN",
      });
      expect(
        (await buffer((await store.blobs.open(other, digestOf(Buffer.from("shared")))).reader.stream())).toString(),
      ).toBe("shared");
      const events = await store.events.read({ after: 0, limit: 100 });
      expect(events.filter(({ type }) => type === "blob.deleted")).toMatchObject([
        { subject: digestOf(Buffer.from("own")), tenant: null, data: { size: 3 } },
      ]);
    });

    it("a run does, step by step, what the plan before it says, with the same bytes", async () => {
      await store.retention.defineClass({
        name: "brief",
        lifetimeMs: 50,
        longestMs: null,
        untaggedMs: null,
        locked: false,
      });
      await store.retention.useClass(brief, "brief");
      const child = await putManifest(["child"]);
      const index = await putIndex([child], "v1");
      await putManifest(["about"], { subject: index });
      await putManifest(["expires", "shared"], { repository: brief, tag: "v1" });
      await putManifest(["shared"], { repository: brief });
      await put("loose");
      await store.manifests.remove(home, index);
      const kinds = new Set<string>();
      for (const pause of [0, 12, 12, 30, 3, 20, 6, 100, 100, 100]) {
        now += pause;
        const plan = await store.collection.plan({ everywhere: true });
        expect(await store.collection.plan({ everywhere: true })).toEqual(plan);
        expect(await store.collection.run({ everywhere: true })).toEqual(plan);
        for (const step of plan.steps) kinds.add(step.kind);
      }
      expect([...kinds].toSorted()).toEqual([
        "condemn-blob",
        "delete-blob",
        "delete-manifest",
        "remove-bytes",
        "unlink-blob",
      ]);
      expect(await files()).toEqual([]);
    });

    it("HEAD, mount and upload of a condemned blob let it live again, and their lease keeps it", async () => {
      for (const touch of [
        (digest: Digest) => store.blobs.stat(home, digest),
        (digest: Digest) => store.blobs.mount(other, digest, home),
        () => put("layer"),
      ]) {
        const digest = await put("layer");
        now += 25;
        expect((await store.collection.run()).steps.map((step) => step.kind)).toEqual(["condemn-blob"]);
        now += 4;
        await touch(digest);
        now += leaseMs - 1;
        await store.collection.run();
        expect((await store.blobs.stat(home, digest)).size).toBe(5);
        await settle();
        expect(await files()).toEqual([]);
      }
    });

    it("an upload of what is being deleted lies under a fresh key, and the removal does not touch it", async () => {
      const digest = await put("layer");
      now += 25;
      await store.collection.run();
      now += 25;
      // As if killed between the commit that forgets the blob and the removal of its bytes.
      const killed = new AbortController();
      const run = store.collection.run({
        signal: killed.signal,
        onProgress: ({ last }) => {
          if (last.kind === "delete-blob") killed.abort(new Error("killed"));
        },
      });
      await expect(run).rejects.toThrow("killed");
      await put("layer");
      expect((await files()).length).toBe(2);
      await store.collection.run();
      expect(await files()).toEqual([expect.stringMatching(new RegExp(`[/-]${hexOf(digest)}\\.[0-9a-f]{16}$`))]);
      expect((await buffer((await store.blobs.open(home, digest)).reader.stream())).toString()).toBe("layer");
      await settle();
      expect(await files()).toEqual([]);
    });

    it("children go with their index and referrers with their subject, unless something else keeps them", async () => {
      const alone = await putManifest(["alone"]);
      const tagged = await putManifest(["tagged"], { tag: "child" });
      const shared = await putManifest(["shared"]);
      const index = await putIndex([alone, tagged, shared], "v1");
      const second = await putIndex([shared], "v2");
      const signature = await putManifest(["signature"], { subject: index });
      const aboutSignature = await putManifest(["timestamp"], { subject: signature });
      const never = await putManifest(["early"], { subject: digestOf(Buffer.from("not yet")) });
      await settle();
      await store.manifests.remove(home, index);
      await settle();
      const all = { alone, tagged, shared, second, signature, aboutSignature, never };
      const there = await Promise.all(
        Object.entries(all).map(async ([name, digest]) => ((await isThere(digest)) ? [name] : [])),
      );
      expect(there.flat()).toEqual(["tagged", "shared", "second", "never"]);
      expect((await store.retention.tombstone(home, alone))?.reason).toContain(
        `${index}, with which it went, was deleted`,
      );
    });

    it("what is held or pinned is deleted by nobody, and goes when the last of them ends", async () => {
      await store.retention.defineClass({
        name: "brief",
        lifetimeMs: 50,
        longestMs: 9000,
        untaggedMs: null,
        locked: false,
      });
      await store.retention.useClass(brief, "brief");
      const digest = await putManifest(["layer"], { repository: brief, tag: "v1" });
      await store.retention.hold(brief, digest, hold);
      await store.retention.pin(brief, digest, { name: "web", holder: "manager", why: "revision 7 runs this" });
      await settle();
      await expect(store.manifests.remove(brief, digest)).rejects.toMatchObject({ code: "HELD" });
      expect(await store.retention.release(brief, digest, "case-7")).toBe(true);
      expect(await store.retention.release(brief, digest, "case-7")).toBe(false);
      await settle();
      expect((await store.retention.eligibility(brief, digest)).sentence).toContain("pinned by manager");
      await store.retention.unpin(brief, digest, "web");
      expect(await store.retention.eligibility(brief, digest)).toMatchObject({ verdict: "may-go", because: "expired" });
      await store.retention.extend(brief, digest, { until: now + 2500, holder: "ada", why: "audit" });
      expect((await store.retention.show(brief, digest)).extensions).toMatchObject([{ holder: "ada" }]);
      await settle();
      expect(await isThere(digest, brief)).toBe(false);
      expect((await store.retention.tombstone(brief, digest))?.reason).toContain("class brief");
      await settle();
      expect(await files()).toEqual([]);
      const types = (await store.events.read({ after: 0, limit: 100 })).map((event) => event.type);
      for (const type of [
        "class.defined",
        "manifest.held",
        "manifest.pinned",
        "manifest.released",
        "manifest.unpinned",
        "manifest.extended",
        "manifest.removed",
      ]) {
        expect(types.filter((one) => one === type)).toHaveLength(1);
      }
    });

    it("a locked class blocks everybody until it expires; tag rules take tags, and their class the manifests", async () => {
      await store.retention.defineClass({
        name: "brief",
        lifetimeMs: 50,
        longestMs: null,
        untaggedMs: null,
        locked: true,
      });
      await store.retention.useClass(brief, "brief");
      const locked = await putManifest(["a"], { repository: brief, tag: "v1" });
      await expect(store.manifests.remove(brief, locked)).rejects.toMatchObject({ code: "HELD" });
      await expect(store.retention.classify(brief, locked, "standard")).rejects.toMatchObject({ code: "HELD" });
      now += 50;
      await store.manifests.remove(brief, locked);
      await store.retention.defineClass({
        name: "rolling",
        lifetimeMs: null,
        longestMs: null,
        untaggedMs: 30,
        locked: false,
      });
      await store.retention.useClass(home, "rolling");
      const old = await putManifest(["old"], { tag: "v1" });
      now += 1;
      const young = await putManifest(["young"], { tag: "v2" });
      expect((await store.retention.judgeTags(home, { last: 1 })).map(({ kept }) => kept)).toEqual([false, true]);
      await store.retention.applyTagRules(home, { last: 1 });
      expect((await store.tags.list(home, { limit: 9 })).tags).toEqual(["v2"]);
      await settle();
      expect([await isThere(old), await isThere(young)]).toEqual([false, true]);
    });

    it("sweeps bytes that nobody names when they are old enough, and the audit tells of all that does not fit", async () => {
      const [missing, corrupt] = [await put("missing"), await put("corrupt")];
      const orphan = digestOf(Buffer.from("orphan"));
      await place.tamper(orphan, Buffer.from("orphan"));
      await place.tamper(missing, undefined);
      await place.tamper(corrupt, Buffer.from("bytes!!"));
      const { findings, blobs } = await store.collection.audit();
      expect(blobs).toBe(2);
      expect(findings.map(({ kind: what, key }) => `${what} ${digestOfKey(key)}`).toSorted()).toEqual(
        [`corrupt ${corrupt}`, `missing ${missing}`, `unnamed ${orphan}`].toSorted(),
      );
      await store.collection.run({ everywhere: true });
      expect((await files()).length).toBe(2);
      now = Date.now() + 2 * 3_600_000;
      const steps = (await store.collection.run({ everywhere: true })).steps;
      expect(steps).toContainEqual(expect.objectContaining({ kind: "remove-bytes", key: orphan, bytes: 6 }));
      await settle();
      expect(await files()).toEqual([]);
    });

    it("a folder is opened with its own catalog only: with another, all of its bytes would count as left over", async () => {
      await put("layer");
      await store.close();
      await expect(openStore({ ...place.options, database: ":memory:", limits })).rejects.toThrow(
        "do not belong together",
      );
      await place.backend.identify("", "");
      await expect(openStore({ ...place.options, database: ":memory:", limits })).rejects.toThrow(
        "this catalog is empty",
      );
      await expect(open()).rejects.toThrow("do not belong together");
      const { id } = await database.read.selectFrom("store_identity").select("id").executeTakeFirstOrThrow();
      await place.backend.identify(id, "");
      store = await open();
      expect((await files()).length).toBe(1);
    });

    it("a catalog from before references were written down loses nothing", async () => {
      const image = await putManifest(["layer"], { tag: "v1" });
      await database.transaction(async (tx) => {
        await tx.deleteFrom("store_manifest_blobs").execute();
        await tx.updateTable("store_manifests").set({ indexed: 0 }).execute();
      });
      await settle();
      expect((await files()).length).toBe(2);
      await store.manifests.remove(home, image);
      await settle();
      expect(await files()).toEqual([]);
    });

    it(
      "any order of pushes, tags, mounts, deletes, holds, expiries, restarts and collections loses nothing that is kept, and keeps nothing else",
      { timeout: 120_000 },
      async () => {
        const repository = fc.constantFrom(home, brief);
        const layers = fc.subarray(["a", "b", "c"], { minLength: 1 });
        const step = fc.oneof(
          fc.record({
            do: fc.constant("push" as const),
            repository,
            layers,
            tag: fc.option(fc.constantFrom("t", "u"), { nil: undefined }),
          }),
          fc.record({ do: fc.constant("blob" as const), repository, layer: fc.constantFrom("a", "b", "c") }),
          fc.record({ do: fc.constant("mount" as const), layer: fc.constantFrom("a", "b", "c") }),
          fc.record({ do: fc.constantFrom("delete" as const, "hold" as const, "release" as const), pick: fc.nat(9) }),
          fc.record({ do: fc.constant("untag" as const), repository, tag: fc.constantFrom("t", "u") }),
          fc.record({ do: fc.constant("wait" as const), ms: fc.constantFrom(1, 6, 11, 30) }),
          fc.record({ do: fc.constantFrom("collect" as const, "restart" as const) }),
          fc.record({ do: fc.constant("interrupt" as const), after: fc.nat(3) }),
        );
        interface Kept {
          readonly repository: RepositoryName;
          readonly digest: Digest;
          readonly layers: readonly string[];
          readonly expiresAt: number;
          usedAt: number;
          held: boolean;
        }
        await store.retention.defineClass({
          name: "brief",
          lifetimeMs: 40,
          longestMs: null,
          untaggedMs: null,
          locked: false,
        });
        await store.retention.useClass(brief, "brief");
        await fc.assert(
          fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
            const model = new Map<string, Kept>();
            /** Those that a whole collection takes. */
            const mayGo = (one: Kept): boolean => one.expiresAt <= now && !one.held && one.usedAt + leaseMs <= now;
            const collected = (): void => {
              for (const [name, one] of model) if (mayGo(one)) model.delete(name);
            };
            const collect = async (after?: number): Promise<void> => {
              const stop = new AbortController();
              await store.collection
                .run({
                  signal: stop.signal,
                  onProgress: ({ steps: done }) => {
                    if (after !== undefined && done > after) stop.abort();
                  },
                })
                .then(collected)
                .catch(async (error: unknown) => {
                  if (!stop.signal.aborted) throw error;
                  for (const [name, one] of model) {
                    if (mayGo(one) && !(await isThere(one.digest, one.repository))) model.delete(name);
                  }
                });
            };
            for (const one of steps) {
              const picked = "pick" in one ? [...model.values()][one.pick % Math.max(1, model.size)] : undefined;
              if (one.do === "push") {
                const digest = await putManifest(one.layers, {
                  repository: one.repository,
                  ...(one.tag === undefined ? {} : { tag: one.tag }),
                });
                const name = `${one.repository} ${digest}`;
                const known = model.get(name);
                const expiresAt = known?.expiresAt ?? (one.repository === brief ? now + 40 : Number.MAX_SAFE_INTEGER);
                model.set(name, {
                  repository: one.repository,
                  digest,
                  layers: one.layers,
                  expiresAt,
                  usedAt: now,
                  held: known?.held ?? false,
                });
              } else if (one.do === "blob") await put(one.layer, one.repository);
              else if (one.do === "mount") await store.blobs.mount(brief, digestOf(Buffer.from(one.layer)), home);
              else if (one.do === "delete" && picked !== undefined) {
                const gone = await store.manifests.remove(picked.repository, picked.digest).then(
                  () => true,
                  () => false,
                );
                if (gone === picked.held) throw new Error("a hold was ignored, or a deletion refused without one");
                if (gone) model.delete(`${picked.repository} ${picked.digest}`);
              } else if (one.do === "hold" && picked !== undefined) {
                await store.retention.hold(picked.repository, picked.digest, hold);
                picked.held = true;
              } else if (one.do === "release" && picked !== undefined) {
                await store.retention.release(picked.repository, picked.digest, hold.name);
                picked.held = false;
              } else if (one.do === "untag")
                await store.tags.remove(one.repository, parseTag(one.tag)).catch(() => undefined);
              else if (one.do === "wait") now += one.ms;
              else if (one.do === "collect") await collect();
              else if (one.do === "interrupt") await collect(one.after);
              else if (one.do === "restart") {
                await store.close();
                store = await open();
              }
              for (const kept of model.values()) expect(await isThere(kept.digest, kept.repository)).toBe(true);
            }
            expect((await store.collection.audit()).findings.filter(({ kind: what }) => what !== "unnamed")).toEqual(
              [],
            );
            for (const { repository: where, layers: named } of model.values()) {
              for (const layer of ["{}", ...named]) {
                const blob = await store.blobs.open(where, digestOf(Buffer.from(layer)));
                expect((await buffer(blob.reader.stream())).toString()).toBe(layer);
              }
            }
            for (const one of model.values()) {
              await store.retention.release(one.repository, one.digest, hold.name);
              await store.manifests.remove(one.repository, one.digest);
            }
            await settle();
            expect(await files()).toEqual([]);
          }),
          { numRuns: runs(kind === "sqlite" ? 40 : 15) },
        );
      },
    );
  });
}
