import { buffer } from "node:stream/consumers";
import type { DatabaseKind } from "@waybill/foundation/testing";
import { describe, expect, it } from "vitest";
import { digestOf, hexOf, type Digest } from "../digest/index.ts";
import { folderPlace, type TestPlace } from "../testing/index.ts";
import { describeLeftovers } from "./collection-leftovers.suite.ts";
import { describeModel } from "./collection-model.suite.ts";
import { describePlan } from "./collection-plan.suite.ts";
import { describeRetained } from "./collection-retention.suite.ts";
import { brief, CollectionScene, home, leaseMs, other } from "./collection-scene.suite.ts";

/** What collection and retention promise, whichever database holds the catalog, and wherever the bytes are. */
export function describeCollection(kind: DatabaseKind, startPlace: () => Promise<TestPlace> = folderPlace): void {
  describe(`collection with the catalog on ${kind}`, () => {
    const scene = new CollectionScene(kind, startPlace);
    describeReviews(scene);
    describePlan(scene);
    describeRetained(scene);
    describeLeftovers(scene);
  });
  describe(`collection with the catalog on ${kind}, against a model`, () => {
    describeModel(kind, startPlace);
  });
}

/** What goes, and what a new use of it changes. */
function describeReviews(scene: CollectionScene): void {
  const { put, files, putManifest, putIndex, isThere, settle } = scene;

  it("gives back what a deleted image alone had, after lease and grace, and nothing else", async () => {
    const image = await putManifest(["own", "shared"], { tag: "v1" });
    await putManifest(["shared"], { repository: other, tag: "v1" });
    await settle();
    expect((await files()).length).toBe(3);
    await scene.store.manifests.remove(home, image);
    expect((await files()).length).toBe(3);
    await settle();
    expect((await files()).length).toBe(2);
    await expect(scene.store.blobs.stat(home, digestOf(Buffer.from("shared")))).rejects.toMatchObject({
      code: "BLOB_UNKNOWN",
    });
    expect(
      (await buffer((await scene.store.blobs.open(other, digestOf(Buffer.from("shared")))).reader.stream())).toString(),
    ).toBe("shared");
    const events = await scene.store.events.read({ after: 0, limit: 100 });
    expect(events.filter(({ type }) => type === "blob.deleted")).toMatchObject([
      { subject: digestOf(Buffer.from("own")), tenant: null, data: { size: 3 } },
    ]);
  });

  it("HEAD, mount and upload of a condemned blob let it live again, and their lease keeps it", async () => {
    for (const touch of [
      (digest: Digest) => scene.store.blobs.stat(home, digest),
      (digest: Digest) => scene.store.blobs.mount(other, digest, home),
      () => put("layer"),
    ]) {
      const digest = await put("layer");
      scene.now += 25;
      expect((await scene.store.collection.run()).steps.map((step) => step.kind)).toEqual(["condemn-blob"]);
      scene.now += 4;
      await touch(digest);
      scene.now += leaseMs - 1;
      await scene.store.collection.run();
      expect((await scene.store.blobs.stat(home, digest)).size).toBe(5);
      await settle();
      expect(await files()).toEqual([]);
    }
  });

  it("whoever is told of a blob or a manifest, at any moment of its lease, may rely on half a lease from then on", async () => {
    const justBeforeHalf = leaseMs / 2 - 1;
    for (let age = 0; age <= leaseMs; age++) {
      const text = `layer-${age}`;
      const digest = await put(text);
      scene.now += 14;
      await scene.store.blobs.stat(home, digest);
      // Its lease is that old; no manifest names it, and at this age of the link nothing but the lease keeps it.
      scene.now += age;
      await scene.store.blobs.stat(home, digest);
      scene.now += justBeforeHalf;
      expect((await scene.store.collection.run()).steps, `blob, asked for at ${age} ms`).toEqual([]);
      await settle();
    }
    await scene.defineClass("brief", { lifetimeMs: 1 });
    await scene.store.retention.useClass(brief, "brief");
    for (let age = 0; age <= leaseMs - 1; age++) {
      const digest = await putManifest([`layer-${age}`], { repository: brief });
      scene.now += age;
      await scene.store.manifests.get(brief, { digest });
      scene.now += justBeforeHalf;
      await scene.store.collection.run();
      expect(await isThere(digest, brief), `manifest, asked for at ${age} ms`).toBe(true);
      await settle();
    }
    expect(await files()).toEqual([]);
  });

  it("a clock that jumps back takes nothing of a lease that was given before", async () => {
    const day = 24 * 60 * 60 * 1000;
    for (const touch of [
      (digest: Digest) => scene.store.blobs.mount(other, digest, home),
      () => put("layer", other),
      () => put("layer"),
    ]) {
      const digest = await put("layer");
      scene.now += 16;
      await scene.store.blobs.stat(home, digest);
      scene.now -= day;
      await touch(digest);
      // Right again: the links are old, and what was told before the jump is what keeps it.
      scene.now += day + 6;
      expect((await scene.store.collection.run()).steps).toEqual([]);
      scene.now += leaseMs;
      await settle();
      expect(await files()).toEqual([]);
    }
    await scene.defineClass("brief", { lifetimeMs: 1 });
    await scene.store.retention.useClass(brief, "brief");
    const push = (): Promise<Digest> => putManifest(["layer"], { repository: brief });
    for (const touch of [push, (digest: Digest) => scene.store.manifests.get(brief, { digest })]) {
      const digest = await push();
      scene.now += 6;
      await scene.store.manifests.get(brief, { digest });
      scene.now -= day;
      await touch(digest);
      scene.now += day + 8;
      await scene.store.collection.run();
      expect(await isThere(digest, brief)).toBe(true);
      await settle();
    }
  });

  it("an upload of what is being deleted lies under a fresh key, and the removal does not touch it", async () => {
    const digest = await put("layer");
    scene.now += 25;
    await scene.store.collection.run();
    scene.now += 25;
    // As if killed between the commit that forgets the blob and the removal of its bytes.
    const killed = new AbortController();
    const run = scene.store.collection.run({
      signal: killed.signal,
      onProgress: ({ last }) => {
        if (last.kind === "delete-blob") killed.abort(new Error("killed"));
      },
    });
    await expect(run).rejects.toThrow("killed");
    await put("layer");
    expect((await files()).length).toBe(2);
    await scene.store.collection.run();
    expect(await files()).toEqual([expect.stringMatching(new RegExp(`[/-]${hexOf(digest)}\\.[0-9a-f]{16}$`))]);
    expect((await buffer((await scene.store.blobs.open(home, digest)).reader.stream())).toString()).toBe("layer");
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
    await scene.store.manifests.remove(home, index);
    await settle();
    const all = { alone, tagged, shared, second, signature, aboutSignature, never };
    const there = await Promise.all(
      Object.entries(all).map(async ([name, digest]) => ((await isThere(digest)) ? [name] : [])),
    );
    expect(there.flat()).toEqual(["tagged", "shared", "second", "never"]);
    expect((await scene.store.retention.tombstone(home, alone))?.reason).toContain(
      `${index}, with which it went, was deleted`,
    );
  });
}
