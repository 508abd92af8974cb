import { Readable } from "node:stream";
import { buffer, text } from "node:stream/consumers";
import { openDatabase, type Database } from "@waybill/foundation/database";
import { eventLogMigrations } from "@waybill/foundation/eventlog";
import {
  temporaryFolder,
  testDatabaseUrl,
  type DatabaseKind,
  type TemporaryFolder,
  type TestDatabase,
} from "@waybill/foundation/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { storeMigrations, type StoreTables } from "../catalog/index.ts";
import { digestOf } from "../digest/index.ts";
import { parseRepositoryName } from "../names/index.ts";
import { archiveFormats, type NewPackage, type Package } from "../packages/index.ts";
import { openStore, type Store } from "./index.ts";

const repository = parseRepositoryName("acme/runs");
const limits = {
  leaseMs: 10,
  graceMs: 5,
  looseBlobMs: 20,
  collectEveryMs: 0,
  packageLifetimeMs: 5000,
  packageFiles: 20,
};
const run: NewPackage = {
  repository,
  producer: "guide-board",
  kind: "cmis-conformance",
  runId: "run-1",
  labels: { outcome: "passed", subject: "OpenCMIS" },
  links: [{ rel: "statehub", href: "https://states.example/1" }],
};

/** What packages promise, whichever database holds the catalog. */
export function describePackages(kind: DatabaseKind): void {
  describe(`packages with the catalog on ${kind}`, () => {
    let folder: TemporaryFolder;
    let place: TestDatabase;
    let database: Database<StoreTables>;
    let store: Store;
    let now = 0;

    const open = (): Promise<Store> => openStore({ root: folder.path, database, limits, now: () => now });
    beforeEach(async () => {
      now = Date.now();
      folder = await temporaryFolder("waybill-packages-");
      place = await testDatabaseUrl(kind);
      database = await openDatabase<StoreTables>({ url: place.url, migrations: [storeMigrations, eventLogMigrations] });
      store = await open();
    });
    afterEach(async () => {
      await store.close();
      await database.close();
      await place.drop();
      await folder[Symbol.asyncDispose]();
    });

    const add = (id: string, path: string, content: string) =>
      store.packages.addFile(id, path, { chunks: new Blob([content]).stream() });
    async function sealed(asked: Partial<NewPackage> = {}, files: Readonly<Record<string, string>> = { "a.txt": "a" }) {
      const { id } = await store.packages.open({ ...run, ...asked });
      for (const [path, content] of Object.entries(files)) await add(id, path, content);
      return await store.packages.seal(id);
    }
    const read = async (id: string, path: string): Promise<string> =>
      text((await store.packages.openFile(id, path)).reader.stream());
    const codeOf = (work: Promise<unknown>): Promise<unknown> =>
      work.then(
        () => "done",
        (error: { code?: string }) => error.code ?? error,
      );

    it("opens, takes files, also empty ones, and seals them into a manifest that says all of it", async () => {
      const opened = await store.packages.open(run);
      expect(opened).toMatchObject({ state: "open", producer: "guide-board", fileCount: 0, labels: run.labels });
      await add(opened.id, "reports/tck.xml", "<tck/>");
      await add(opened.id, "evidence/empty.log", "");
      const done = await store.packages.seal(opened.id);
      expect(done).toMatchObject({ state: "sealed", size: 6, fileCount: 2, class: "standard", links: run.links });
      const { content } = await store.manifests.get(repository, { digest: done.digest! });
      expect(JSON.parse(Buffer.from(content).toString())).toMatchObject({
        artifactType: "application/vnd.waybill.package.v1+json",
        config: { mediaType: "application/vnd.oci.empty.v1+json", size: 2 },
        layers: [
          { size: 0, annotations: { "org.opencontainers.image.title": "evidence/empty.log" }, mediaType: "text/plain" },
          { size: 6, annotations: { "org.opencontainers.image.title": "reports/tck.xml" } },
        ],
        annotations: { outcome: "passed", "io.waybill.package.run-id": "run-1" },
      });
      expect(await read(done.id, "reports/tck.xml")).toBe("<tck/>");
      expect(await read(done.id, "evidence/empty.log")).toBe("");
      expect(await store.packages.seal(done.id)).toEqual(done);
      expect(await codeOf(add(done.id, "late.txt", "x"))).toBe("PACKAGE_SEALED");
    });

    it("is the same package again after its manifest went to another repository", async () => {
      const done = await sealed();
      const elsewhere = parseRepositoryName("globex/imported");
      const { content } = await store.manifests.get(repository, { digest: done.digest! });
      for (const blob of [digestOf(Buffer.from("{}")), digestOf(Buffer.from("a"))]) {
        await store.blobs.mount(elsewhere, blob, repository);
      }
      await store.manifests.put(elsewhere, content);
      const [found] = (await store.packages.find({ repository: elsewhere })).items;
      const { id: _, createdAt: __, sealedAt: ___, ...same } = done;
      expect(found).toMatchObject({ ...same, repository: elsewhere });
      expect((await store.packages.files(found!.id)).items).toEqual((await store.packages.files(done.id)).items);
    });

    it("takes the same file twice, and refuses what would meet another one", async () => {
      const { id } = await store.packages.open(run);
      const first = await add(id, "Reports/A.txt", "a");
      expect(await add(id, "Reports/A.txt", "a")).toEqual(first);
      expect(await codeOf(add(id, "Reports/A.txt", "b"))).toBe("PACKAGE_CONFLICT");
      for (const path of ["reports/a.TXT", "Reports", "Reports/A.txt/b", "reports"]) {
        expect([path, await codeOf(add(id, path, "a"))]).toEqual([path, "PACKAGE_CONFLICT"]);
      }
      for (const path of ["../a", "/a", "a//b", "a\\b", "C:x", "con", "a/aux.txt", "a.", "a\u0000", "x".repeat(300)]) {
        expect([path, await codeOf(add(id, path, "a"))]).toEqual([path, "PATH_INVALID"]);
      }
      await add(id, "caf\u00e9", "1");
      expect(await codeOf(add(id, "cafe\u0301", "1"))).toBe("PACKAGE_CONFLICT");
      expect((await store.packages.get(id)).fileCount).toBe(2);
    });

    it("takes a blob that is there already, and none that its repository does not show", async () => {
      const { digest } = await store.blobs.put(repository, { chunks: new Blob(["uploaded"]).stream() });
      const foreign = await store.blobs.put(parseRepositoryName("globex/x"), { chunks: new Blob(["theirs"]).stream() });
      const { id } = await store.packages.open(run);
      expect(await store.packages.addFile(id, "big.bin", digest)).toMatchObject({ size: 8, digest });
      expect(await codeOf(store.packages.addFile(id, "theirs", foreign.digest))).toBe("BLOB_UNKNOWN");
    });

    it("keeps the files of an open package from collection, over restarts, until it expires", async () => {
      const { id } = await store.packages.open(run);
      await add(id, "a.txt", "kept");
      for (let round = 0; round < 4; round++) {
        now += 1000;
        await store.collection.run({ everywhere: true });
      }
      await store.close();
      store = await open();
      expect(await read(id, "a.txt")).toBe("kept");
      await add(id, "b.txt", "more");
      now += 4999;
      await store.collection.run({ everywhere: true });
      const done = await store.packages.seal(id);
      now += 100_000;
      for (let round = 0; round < 3; round++) await store.collection.run({ everywhere: true });
      expect(await read(done.id, "a.txt")).toBe("kept");
    });

    it("ends an open package that nobody sealed, with a reason, and gives its bytes back", async () => {
      const { id } = await store.packages.open(run);
      await add(id, "a.txt", "lost");
      now += 5000;
      expect((await store.packages.get(id)).state).toBe("expired");
      expect(await codeOf(add(id, "b.txt", "late"))).toBe("PACKAGE_GONE");
      const plan = await store.collection.plan({ everywhere: true });
      expect(plan.steps[0]).toMatchObject({ kind: "expire-package", repository, package: id });
      expect(await store.collection.run({ everywhere: true })).toEqual(plan);
      expect(await store.packages.get(id)).toMatchObject({ state: "deleted", reason: /nobody sealed it/ as unknown });
      for (let round = 0; round < 3; round++) {
        now += 1000;
        await store.collection.run({ everywhere: true });
      }
      expect(await codeOf(store.blobs.stat(repository, digestOf(Buffer.from("lost"))))).toBe("BLOB_UNKNOWN");
      expect(await codeOf(store.packages.seal(id))).toBe("PACKAGE_GONE");
    });

    it("goes with its manifest when its class says so, and leaves the reason", async () => {
      await store.retention.defineClass({
        name: "brief",
        lifetimeMs: 500,
        longestMs: null,
        untaggedMs: null,
        locked: false,
      });
      const done = await sealed({ class: "brief" });
      expect(done).toMatchObject({ class: "brief", expiresAt: now + 500 });
      now += 600;
      expect((await store.packages.get(done.id)).state).toBe("expired");
      await store.collection.run({ everywhere: true });
      const gone = await store.packages.get(done.id);
      expect(gone.state).toBe("deleted");
      expect(gone.reason).toMatch(/class brief/);
      expect(await codeOf(store.packages.openFile(done.id, "a.txt"))).toBe("PACKAGE_GONE");
      expect(await codeOf(store.packages.open({ ...run, class: "nobody" }))).toBe("RETENTION_INVALID");
    });

    it("is not deleted while somebody holds it", async () => {
      const done = await sealed();
      const hold = { name: "case-7", holder: "legal", why: "a lawsuit" };
      await store.retention.hold(repository, done.digest!, hold);
      expect(await codeOf(store.packages.delete(done.id, "tidying up"))).toBe("HELD");
      await store.retention.release(repository, done.digest!, "case-7");
      expect(await store.packages.delete(done.id, "tidying up")).toMatchObject({
        state: "deleted",
        reason: "tidying up",
      });
      expect((await store.retention.tombstone(repository, done.digest!))?.reason).toBe("tidying up");
      expect((await store.packages.find()).items).toEqual([]);
      expect((await store.packages.find({ states: ["deleted"] })).items).toHaveLength(1);
    });

    it("is found by producer, kind, run, labels and digest, page by page while others come", async () => {
      const made: Package[] = [];
      for (let turn = 0; turn < 5; turn++) {
        now += 1;
        const labels = { outcome: turn % 2 === 0 ? "passed" : "failed", subject: "OpenCMIS" };
        made.push(await sealed({ runId: `run-${turn}`, labels }));
      }
      await sealed({ producer: "ci", kind: "unit", labels: {} });
      const found = async (query: Parameters<typeof store.packages.find>[0]) =>
        (await store.packages.find(query)).items.map((one) => one.runId);
      expect(await found({ producer: "guide-board" })).toEqual(["run-4", "run-3", "run-2", "run-1", "run-0"]);
      expect(await found({ runId: "run-2" })).toEqual(["run-2"]);
      expect(await found({ labels: { outcome: "failed", subject: "OpenCMIS" } })).toEqual(["run-3", "run-1"]);
      expect(await found({ digest: made[1]!.digest! })).toEqual(["run-1"]);
      expect(await found({ visible: { tenant: "globex" } })).toEqual([]);
      const query = { kind: "cmis-conformance", limit: 2 };
      const seen: (string | undefined)[] = [];
      for (let cursor: string | undefined, turn = 0; turn < 10; turn++) {
        const page = await store.packages.find({ ...query, ...(cursor === undefined ? {} : { cursor }) });
        seen.push(...page.items.map((one) => one.runId));
        now += 1;
        await sealed({ runId: `new-${turn}` });
        if (page.nextCursor === undefined) break;
        cursor = page.nextCursor;
      }
      expect(seen).toEqual(["run-4", "run-3", "run-2", "run-1", "run-0"]);
      const { nextCursor } = await store.packages.find(query);
      expect(await codeOf(store.packages.find({ kind: "unit", limit: 2, cursor: nextCursor! }))).toBe(
        "PACKAGE_INVALID",
      );
      expect(await codeOf(store.packages.find({ cursor: "nonsense" }))).toBe("PACKAGE_INVALID");
    });

    it("is opened once for a key, and refused when the key says something else", async () => {
      const first = await store.packages.open({ ...run, key: "k1" });
      expect(await store.packages.open({ ...run, key: "k1" })).toEqual(first);
      expect(await codeOf(store.packages.open({ ...run, kind: "other", key: "k1" }))).toBe("KEY_REUSED");
      expect((await store.packages.open({ ...run, key: "k2" })).id).not.toBe(first.id);
    });

    it("takes new labels and links, and tells of everything that happens to it", async () => {
      const done = await sealed();
      await store.packages.describe(done.id, { labels: { outcome: "failed" } });
      expect(await store.packages.find({ labels: { outcome: "failed" } })).toMatchObject({ items: [{ id: done.id }] });
      expect(await store.packages.find({ labels: { outcome: "passed" } })).toMatchObject({ items: [] });
      await store.packages.delete(done.id, "over");
      const events = (await store.events.read({ after: 0, limit: 100 })).filter(({ type }) =>
        type.startsWith("package."),
      );
      expect(events.map(({ type }) => type)).toEqual([
        "package.opened",
        "package.sealed",
        "package.described",
        "package.deleted",
      ]);
      expect(events[3]).toMatchObject({
        subject: `packages/${done.id}`,
        tenant: "acme",
        data: { reason: "over", links: run.links },
      });
    });

    it.each(archiveFormats)(
      "goes out as %s, the same bytes each time, and comes in again as it was",
      async (format) => {
        const files = {
          "a.txt": "a".repeat(100_000),
          "b/c.bin": "",
          "b/d \u00e9.txt": "d",
          [`long/${"x".repeat(200)}`]: "y",
        };
        const done = await sealed({}, files);
        const pack = async (): Promise<Buffer> => buffer(await store.packages.writeArchive(done.id, format));
        const packed = await pack();
        expect((await pack()).equals(packed)).toBe(true);
        const again = await store.packages.open(run);
        await store.packages.addArchive(again.id, Readable.from([packed]), format);
        expect((await store.packages.files(again.id)).items).toEqual((await store.packages.files(done.id)).items);
        const under = await store.packages.open(run);
        const added = await store.packages.addArchive(under.id, Readable.from([packed]), format, { under: "evidence" });
        expect(added.map((file) => file.path)).toEqual(
          (await store.packages.files(under.id)).items.map((file) => file.path),
        );
        expect(added[0]?.path).toBe("evidence/a.txt");
      },
    );

    it.each(archiveFormats)("keeps nothing of a %s that breaks off", async (format) => {
      const done = await sealed({}, { "a.txt": "a".repeat(100_000), "b.txt": "b" });
      const packed = await buffer(await store.packages.writeArchive(done.id, format));
      const { id } = await store.packages.open(run);
      const half = packed.subarray(0, packed.byteLength - 30);
      expect(await codeOf(store.packages.addArchive(id, Readable.from([half]), format))).toBe("ARCHIVE_INVALID");
      expect((await store.packages.files(id)).items).toEqual([]);
      expect((await store.packages.get(id)).fileCount).toBe(0);
    });

    it("refuses more files than it may have", async () => {
      const { id } = await store.packages.open(run);
      for (let turn = 0; turn < 20; turn++) await add(id, `f${turn}`, "x");
      expect(await codeOf(add(id, "one-more", "x"))).toBe("TOO_LARGE");
      expect(await codeOf(store.packages.seal((await store.packages.open(run)).id))).toBe("PACKAGE_INVALID");
    });
  });
}
