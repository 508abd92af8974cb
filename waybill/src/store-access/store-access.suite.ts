import { randomBytes } from "node:crypto";
import { buffer } from "node:stream/consumers";
import { Readable } from "node:stream";
import {
  digestOf,
  mediaTypes,
  parseRepositoryName,
  parseTag,
  type AuditProgress,
  type Digest,
} from "@waybill/artifact-store";
import { UserError } from "@waybill/foundation/errors";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { NotFoundError, OvertakenError } from "../errors/index.ts";
import type { Page, StoreAccess } from "./index.ts";

const home = parseRepositoryName("acme/app");
const nowhere = parseRepositoryName("acme/nowhere");
const v1 = { tag: parseTag("v1") };
const small = { limit: 1 };

/** What a store promises through this interface, wherever it is. */
export function describeStoreAccess(
  place: string,
  open: () => Promise<{ readonly access: StoreAccess; close(): Promise<void> }>,
): void {
  describe(`a store in ${place}`, () => {
    let opened: Awaited<ReturnType<typeof open>>;
    let access: StoreAccess;
    let image: Digest;
    const big = randomBytes(300_000);
    const put = async (bytes: Uint8Array): Promise<Digest> => {
      const digest = digestOf(bytes);
      await access.uploads.put(home, bytes, digest);
      return digest;
    };
    const part = (bytes: Uint8Array, offset: number) => ({
      source: Readable.from([bytes.subarray(offset)]),
      offset,
      length: bytes.byteLength - offset,
    });
    const everything = async <T>(
      list: (page: { limit: number; cursor?: string }) => Promise<Page<T>>,
    ): Promise<T[]> => {
      const first = await list(small);
      const all = [...first.items];
      for (let cursor = first.nextCursor; cursor !== undefined;) {
        const page = await list({ ...small, cursor });
        all.push(...page.items);
        cursor = page.nextCursor;
      }
      return all;
    };
    beforeAll(async () => {
      opened = await open();
      ({ access } = opened);
      const config = await put(Buffer.from("{}"));
      const layer = await put(big);
      const content = Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          mediaType: mediaTypes.ociImage,
          config: { mediaType: "application/vnd.oci.image.config.v1+json", digest: config, size: 2 },
          layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar", digest: layer, size: big.byteLength }],
        }),
      );
      image = await access.content.putManifest(home, {
        content,
        mediaType: mediaTypes.ociImage,
        tags: [parseTag("v1"), parseTag("v2")],
      });
      await access.content.putManifest(parseRepositoryName("acme/app"), { content, mediaType: mediaTypes.ociImage });
    });
    afterAll(() => opened.close());

    it("answers what was put, byte for byte, also from the middle on", async () => {
      const digest = digestOf(big);
      expect(await access.content.blobSize(home, digest)).toBe(big.byteLength);
      expect((await buffer(await access.content.openBlob(home, digest, 0))).equals(big)).toBe(true);
      expect((await buffer(await access.content.openBlob(home, digest, 299_000))).equals(big.subarray(299_000))).toBe(
        true,
      );
      expect((await buffer(await access.content.openBlob(home, digest, big.byteLength))).byteLength).toBe(0);
      expect(await access.content.blobSize(home, digestOf(Buffer.from("none")))).toBeUndefined();
      const manifest = await access.content.manifest(home, v1);
      expect([manifest.digest, digestOf(manifest.content), manifest.mediaType]).toEqual([
        image,
        image,
        mediaTypes.ociImage,
      ]);
    });

    it("lists page by page what is there", async () => {
      expect(await everything((page) => access.content.repositories(page))).toEqual([{ name: "acme/app" }]);
      const manifests = await everything((page) => access.content.manifests(home, page));
      expect(manifests).toMatchObject([{ digest: image, tags: ["v1", "v2"], contentSize: big.byteLength + 2 }]);
      expect(await access.content.look(home, { digest: image })).toMatchObject({
        repository: "acme/app",
        config: { size: 2 },
        layers: [{ size: big.byteLength }],
      });
    });

    it("takes an upload in parts, and says where it stands", async () => {
      const bytes = randomBytes(200_000);
      const { id } = await access.uploads.start(home);
      await access.uploads.append(home, id, { ...part(bytes.subarray(0, 90_000), 0) });
      expect(await access.uploads.status(home, id)).toMatchObject({ id, offset: 90_000 });
      const listed = await everything((page) => access.uploads.list(page));
      expect(listed).toMatchObject([{ id, repository: "acme/app", offset: 90_000 }]);
      await expect(access.uploads.append(home, id, part(bytes, 10_000))).rejects.toBeInstanceOf(UserError);
      await access.uploads.append(home, id, part(bytes, 90_000));
      await access.uploads.finish(home, id, digestOf(bytes));
      expect(await access.content.blobSize(home, digestOf(bytes))).toBe(200_000);
      expect(await access.uploads.status(home, id)).toBeUndefined();
    });

    it("keeps what came of an upload whose source broke", async () => {
      const bytes = randomBytes(3_000_000);
      const { id } = await access.uploads.start(home);
      async function* broken(): AsyncGenerator<Uint8Array> {
        yield bytes.subarray(0, 2_000_000);
        await new Promise((resolve) => setTimeout(resolve, 100));
        throw new Error("the disk is gone");
      }
      const source = Readable.from(broken());
      await expect(access.uploads.append(home, id, { source, offset: 0, length: bytes.byteLength })).rejects.toThrow();
      const place = await access.uploads.status(home, id);
      expect(place?.offset).toBe(2_000_000);
      await access.uploads.append(home, id, part(bytes, place?.offset ?? 0));
      await access.uploads.finish(home, id, digestOf(bytes));
    });

    it("ends an upload with a wrong digest, and one that is cancelled", async () => {
      const { id } = await access.uploads.start(home);
      await access.uploads.append(home, id, part(Buffer.from("bytes"), 0));
      await expect(access.uploads.finish(home, id, digestOf(Buffer.from("others")))).rejects.toThrow("have the digest");
      const second = await access.uploads.start(home);
      await access.uploads.append(home, second.id, part(Buffer.from("bytes"), 0));
      await access.uploads.cancel(second.id);
      expect(await access.uploads.status(home, second.id)).toBeUndefined();
      await expect(access.uploads.cancel(second.id)).rejects.toBeInstanceOf(NotFoundError);
    });

    it("says why something is kept, holds and releases it, and extends it within its class", async () => {
      const { retention } = access;
      expect(
        await retention.defineClass({
          name: "ci",
          lifetimeMs: 86_400_000,
          longestMs: null,
          untaggedMs: null,
          locked: false,
        }),
      ).toMatchObject({ name: "ci" });
      expect((await retention.classes()).map(({ name }) => name)).toEqual(expect.arrayContaining(["ci", "standard"]));
      expect(await retention.classify(home, v1, "ci")).toMatchObject({
        class: "ci",
        expiresAt: expect.any(String) as string,
      });
      const until = new Date(Date.now() + 10 * 86_400_000).toISOString();
      expect(await retention.extend(home, v1, { until, why: "needed" })).toMatchObject({
        expiresAt: until,
        extensions: [{ why: "needed", until, holder: expect.any(String) as string }],
      });
      expect(await retention.hold(home, v1, { name: "case-7", why: "a lawsuit" })).toMatchObject({
        holds: [{ name: "case-7", why: "a lawsuit" }],
      });
      expect((await retention.eligibility(home, v1, "2099-01-01T00:00:00Z")).because).toBe("held");
      await retention.release(home, v1, "case-7");
      await expect(retention.release(home, v1, "case-7")).rejects.toBeInstanceOf(NotFoundError);
      expect(await retention.eligibility(home, v1, "2099-01-01T00:00:00Z")).toMatchObject({
        verdict: "may-go",
        since: until,
      });
      expect(await retention.useClass(home, "ci")).toEqual({ name: "acme/app", class: "ci" });
      expect(await retention.classOf(home)).toEqual({ name: "acme/app", class: "ci" });
      await expect(retention.removeClass("ci")).rejects.toThrow("in use");
      await expect(retention.removeClass("none")).rejects.toBeInstanceOf(NotFoundError);
      await expect(retention.classify(home, v1, "none")).rejects.toBeInstanceOf(UserError);
    });

    it("pins what runs, beside holds of the same name, and ends each by its own word", async () => {
      const { retention } = access;
      const why = "revision 7 of app web runs this";
      await retention.hold(home, v1, { name: "web", why: "a lawsuit" });
      expect(await retention.pin(home, v1, { name: "web", why })).toMatchObject({
        holds: [{ name: "web", why: "a lawsuit" }],
        pins: [{ name: "web", why, holder: expect.any(String) as string }],
      });
      await retention.release(home, v1, "web");
      expect((await retention.eligibility(home, v1, "2099-01-01T00:00:00Z")).because).toBe("pinned");
      await expect(retention.release(home, v1, "web")).rejects.toThrow("has no hold web");
      await retention.unpin(home, v1, "web");
      await expect(retention.unpin(home, v1, "web")).rejects.toBeInstanceOf(NotFoundError);
      await expect(retention.unpin(home, v1, "web")).rejects.toThrow("has no pin web");
      expect(await retention.show(home, v1)).toMatchObject({ holds: [], pins: [] });
    });

    it("plans a collection, and runs it", async () => {
      expect(await access.collection.plan()).toMatchObject({ bytesFreed: 0, at: expect.any(String) as string });
      const done = await access.collection.run(() => undefined, new AbortController().signal);
      expect(done).toMatchObject({ bytesFreed: 0, steps: expect.any(Array) as unknown[] });
    });

    it("audits all that lies there, and says how far it is", async () => {
      const told: AuditProgress[] = [];
      const audit = await access.collection.audit((progress) => told.push(progress), new AbortController().signal);
      expect(audit).toMatchObject({ blobs: told.length, findings: [] });
      expect(audit.bytes).toBeGreaterThan(big.byteLength);
      expect(told.at(-1)).toEqual({
        blobs: audit.blobs,
        ofBlobs: audit.blobs,
        bytes: audit.bytes,
        ofBytes: audit.bytes,
      });
    });

    it("saves a plan, refuses it when the world has moved on, and applies exactly what it says", async () => {
      const { collection, retention } = access;
      const signal = new AbortController().signal;
      await retention.defineClass({
        name: "moment",
        lifetimeMs: 1,
        longestMs: null,
        untaggedMs: null,
        locked: false,
      });
      const brief = { tag: parseTag("brief") };
      await access.content.putManifest(home, {
        content: Buffer.from('{"brief":true}'),
        mediaType: "application/vnd.acme.brief+json",
        tags: [brief.tag],
      });
      const { digest } = await retention.classify(home, brief, "moment");
      await new Promise((resolve) => setTimeout(resolve, 10));
      const plan = await collection.savePlan();
      expect(plan.plan.steps).toMatchObject([{ kind: "delete-manifest", digest }]);
      await retention.hold(home, brief, { name: "late", why: "needed after all" });
      const steps: unknown[] = [];
      const apply = () => collection.applyPlan(plan, (step) => steps.push(step), signal);
      await expect(apply()).rejects.toBeInstanceOf(OvertakenError);
      await expect(apply()).rejects.toThrow(`the world has moved on: delete-manifest acme/app@${digest}`);
      expect(steps).toEqual([]);
      await retention.release(home, brief, "late");
      expect(await apply()).toMatchObject({ steps: plan.plan.steps });
      expect(steps).toEqual(plan.plan.steps);
      await expect(access.content.look(home, brief)).rejects.toBeInstanceOf(NotFoundError);
      const foreign = { ...plan, store: "00000000-0000-4000-8000-000000000000" };
      await expect(collection.applyPlan(foreign, () => undefined, signal)).rejects.toThrow("a plan of another store");
    });

    it("simulates, under the rules that are and under others, and changes nothing", async () => {
      const signal = new AbortController().signal;
      const at = "2099-01-01T00:00:00.000Z";
      await access.retention.hold(home, v1, { name: "simulated", why: "kept as things are" });
      expect(await access.collection.simulate(at, undefined, signal)).toMatchObject({ at, tags: [] });
      await access.retention.release(home, v1, "simulated");
      const policy = { tags: [{ matching: "acme/*", rules: { matching: ["v2"] } }] };
      const would = await access.collection.simulate(at, policy, signal);
      expect(would.tags).toEqual([{ repository: "acme/app", tag: "v1", sentence: "may go because no rule keeps it" }]);
      expect((await access.content.look(home, v1)).tags).toEqual(["v1", "v2"]);
      const wrong = { repositories: [{ matching: "*", class: "nowhere" }] };
      await expect(access.collection.simulate(at, wrong, signal)).rejects.toThrow('there is no class "nowhere"');
    });

    it("keeps tag policies, and says what they would do", async () => {
      const { tagPolicies } = access;
      const few = { name: "few", matching: "acme/*", rules: { last: 0, usedWithinMs: 0, matching: ["v1"] } };
      expect(await tagPolicies.put(few)).toEqual(few);
      expect(JSON.stringify(await tagPolicies.list())).toBe(JSON.stringify([few]));
      const verdicts = await tagPolicies.judge(home);
      expect(verdicts.map(({ name, kept }) => [name, kept])).toEqual([
        ["v1", true],
        ["v2", false],
      ]);
      await expect(tagPolicies.judge(nowhere)).rejects.toBeInstanceOf(NotFoundError);
      await expect(tagPolicies.put({ ...few, name: "Few" })).rejects.toThrow("lower-case letters");
      await tagPolicies.remove("few");
      await expect(tagPolicies.remove("few")).rejects.toThrow('there is no tag policy "few"');
      await expect(tagPolicies.remove("few")).rejects.toBeInstanceOf(NotFoundError);
      expect((await tagPolicies.judge(home)).every(({ kept }) => kept)).toBe(true);
    });

    it("makes a package of blobs that are there, once for each key, and finds it", async () => {
      const digest = await put(Buffer.from("report"));
      const asked = {
        repository: home,
        producer: "ci",
        kind: "junit",
        runId: "42",
        labels: { outcome: "passed, mostly", rate: "100%" },
        links: [{ rel: "statehub", href: "https://states.example/1" }],
        key: "the-same-key",
      };
      const made = await access.packages.open(asked);
      expect((await access.packages.open(asked)).id).toBe(made.id);
      await access.packages.addFile(made.id, { path: "a/report.txt", digest });
      await access.packages.addFile(made.id, { path: "a/report.txt", digest });
      const files = await everything((page) => access.packages.files(made.id, page));
      expect(files).toEqual([{ path: "a/report.txt", digest, size: 6, mediaType: "text/plain" }]);
      const sealed = await access.packages.seal(made.id);
      expect(sealed).toMatchObject({ state: "sealed", fileCount: 1, size: 6, runId: "42" });
      expect(await access.packages.get(made.id)).toEqual(sealed);
      const found = await access.packages.find({ ...small, kind: "junit", labels: asked.labels });
      expect(found.items).toEqual([sealed]);
      expect((await access.packages.find({ limit: 5, labels: { outcome: "failed" } })).items).toEqual([]);
      expect(await access.packages.get("00000000-0000-4000-8000-000000000000")).toBeUndefined();
      await expect(access.packages.addFile(made.id, { path: "b", digest })).rejects.toBeInstanceOf(UserError);
    });

    it("tells of what is not there, in one way", async () => {
      const none = { tag: parseTag("none") };
      for (const ask of [
        () => access.content.look(home, none),
        () => access.content.manifest(home, none),
        () => access.content.manifests(nowhere, small),
        () => access.content.openBlob(home, digestOf(Buffer.from("none")), 0),
        () => access.retention.show(home, none),
        () => access.retention.eligibility(nowhere, v1),
        () => access.retention.hold(home, none, { name: "x", why: "y" }),
        () => access.retention.pin(home, none, { name: "x", why: "y" }),
      ]) {
        await expect(ask()).rejects.toBeInstanceOf(NotFoundError);
      }
    });
  });
}
