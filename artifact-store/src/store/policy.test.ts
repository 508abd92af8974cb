import { temporaryFolder, type TemporaryFolder } from "@waybill/foundation/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { digestOf, type Digest } from "../digest/index.ts";
import { mediaTypes } from "../manifests/index.ts";
import { parseRepositoryName, parseTag, type RepositoryName } from "../names/index.ts";
import { standardClass } from "../retention/index.ts";
import { openStore, type Store } from "./index.ts";

const app = parseRepositoryName("acme/app");
const nightly = parseRepositoryName("acme/nightly");
const day = 24 * 60 * 60 * 1000;
const limits = { leaseMs: 10, graceMs: 5, looseBlobMs: 20, orphanGraceMs: 3_600_000, collectEveryMs: 0 };

let folder: TemporaryFolder;
let store: Store;
let now = 0;
beforeEach(async () => {
  now = Date.UTC(2027, 0, 1);
  folder = await temporaryFolder("waybill-policy-");
  store = await openStore({ root: folder.path, limits, now: () => now });
});
afterEach(async () => {
  await store.close();
  await folder[Symbol.asyncDispose]();
});

/** An image whose one layer is `bytes` long and its own. */
async function push(repository: RepositoryName, tag: string, bytes = 1000): Promise<Digest> {
  const layer = Buffer.from(`${repository}:${tag} `.padEnd(bytes, "x"));
  const put = (content: Buffer) =>
    store.blobs.put(repository, { chunks: new Blob([Uint8Array.from(content)]).stream() });
  await put(Buffer.from("{}"));
  await put(layer);
  const descriptor = (mediaType: string, content: Buffer) => ({
    mediaType,
    digest: digestOf(content),
    size: content.byteLength,
  });
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociImage,
    config: descriptor("application/vnd.oci.image.config.v1+json", Buffer.from("{}")),
    layers: [descriptor("application/vnd.oci.image.layer.v1.tar", layer)],
  };
  return (await store.manifests.put(repository, Buffer.from(JSON.stringify(manifest)), { tags: [parseTag(tag)] }))
    .digest;
}

async function tagsOf(repository: RepositoryName): Promise<readonly string[]> {
  return (await store.tags.list(repository, { limit: 100 })).tags;
}

async function settle(): Promise<number> {
  let freed = 0;
  for (let round = 0; round < 3; round++) {
    now += 1000;
    freed += (await store.collection.run({ everywhere: true })).bytesFreed;
  }
  return freed;
}

describe("a saved plan", () => {
  async function deletedImage(): Promise<Digest> {
    const image = await push(app, "v1");
    await push(app, "v2");
    now += 1000;
    await store.collection.run({ everywhere: true });
    await store.manifests.remove(app, image);
    now += 1000;
    await store.collection.run({ everywhere: true }); // condemns
    now += 1000;
    return image;
  }

  it("survives as JSON, and does exactly what it says", async () => {
    await deletedImage();
    const saved = await store.collection.savePlan();
    expect(saved.plan.bytesFreed).toBe(1000);
    const done = await store.collection.applyPlan(JSON.parse(JSON.stringify(saved)));
    expect(done.steps.map(({ kind }) => kind)).toEqual(saved.plan.steps.map(({ kind }) => kind));
    expect(done.bytesFreed).toBe(1000);
    expect((await store.collection.audit()).findings).toEqual([]);
  });

  it("leaves alone what has become due since", async () => {
    await deletedImage();
    const saved = await store.collection.savePlan();
    await store.manifests.remove(app, (await store.manifests.get(app, { tag: parseTag("v2") })).digest);
    now += 100_000;
    await store.collection.run({ everywhere: true }).then(() => undefined);
    // The run above took what was planned, too: nothing of the plan would be done now.
    await expect(store.collection.applyPlan(saved)).rejects.toMatchObject({ code: "PLAN_OVERTAKEN" });
  });

  it("is refused, before anything is done, when one of its steps would not be done now", async () => {
    await deletedImage();
    const saved = await store.collection.savePlan();
    // Somebody pushes the same bytes again: they are wanted.
    await store.blobs.put(app, { chunks: new Blob(["acme/app:v1 ".padEnd(1000, "x")]).stream() });
    await expect(store.collection.applyPlan(saved)).rejects.toMatchObject({
      code: "PLAN_OVERTAKEN",
      message: expect.stringContaining("the world has moved on") as string,
    });
    expect((await store.collection.audit()).findings).toEqual([]);
  });

  it("does not touch a manifest that expired after it was made", async () => {
    await store.retention.defineClass({ ...standardClass, name: "brief", lifetimeMs: 5000 });
    await store.retention.useClass(nightly, "brief");
    await push(nightly, "late");
    await deletedImage();
    const saved = await store.collection.savePlan();
    now += 10_000;
    await store.collection.applyPlan(saved);
    expect(await tagsOf(nightly)).toEqual(["late"]);
    await settle();
    expect(await tagsOf(nightly)).toEqual([]);
  });

  it("is refused when it is of another store, or none at all", async () => {
    const saved = await store.collection.savePlan();
    const other = { ...saved, store: "00000000-0000-4000-8000-000000000000" };
    const step = { kind: "delete-everything", sentence: "" };
    for (const bad of [
      other,
      undefined,
      [],
      "plan",
      { ...saved, version: 2 },
      { ...saved, plan: { at: -1, steps: [] } },
      { ...saved, plan: { at: 0, steps: {} } },
      { ...saved, plan: { at: 0, steps: [step] } },
      { ...saved, plan: { at: 0, steps: [{ kind: "remove-bytes", key: "../../etc/passwd", bytes: 1 }] } },
      { ...saved, plan: { at: 0, steps: [{ kind: "delete-blob", digest: "sha256:x", bytes: 1 }] } },
    ]) {
      await expect(store.collection.applyPlan(bad)).rejects.toMatchObject({ code: "PLAN_INVALID" });
    }
    await expect(
      store.collection.applyPlan({
        ...saved,
        plan: {
          at: 0,
          steps: [{ kind: "delete-manifest", repository: "Bad Name", digest: digestOf(Buffer.alloc(0)) }],
        },
      }),
    ).rejects.toMatchObject({ code: "NAME_INVALID" });
  });
});

describe("a simulation", () => {
  it("tells what would go by a day under other classes, and changes nothing", async () => {
    await push(app, "v1");
    await push(nightly, "monday", 2000);
    await push(nightly, "tuesday", 3000);
    const monthly = { ...standardClass, name: "monthly", lifetimeMs: 30 * day };
    const policy = { classes: [monthly], repositories: [{ matching: "acme/night*", class: "monthly" }] };
    const soon = await store.collection.simulate({ at: now + 29 * day, policy });
    expect(soon).toMatchObject({ bytesFreed: 0, steps: [] });
    const later = await store.collection.simulate({ at: Date.UTC(2027, 2, 1), policy });
    expect(later.bytesFreed).toBe(5000);
    expect(later.steps.filter(({ kind }) => kind === "delete-manifest")).toHaveLength(2);
    expect(later.steps[0]?.sentence).toContain("class monthly");
    expect((await store.retention.classes()).map(({ name }) => name)).toEqual(["standard"]);
    expect(await tagsOf(nightly)).toEqual(["monday", "tuesday"]);
    expect((await store.collection.simulate({ at: Date.UTC(2027, 2, 1) })).bytesFreed).toBe(0);
  });

  it("respects holds and what somebody extended, and says which tags would go", async () => {
    const held = await push(app, "v1");
    await push(app, "v2", 2000);
    await push(app, "v3", 3000);
    await store.retention.hold(app, held, { name: "case", holder: "legal", why: "a lawsuit" });
    const policy = {
      classes: [{ ...standardClass, untaggedMs: day }],
      tags: [{ matching: "acme/*", rules: { last: 1 } }],
    };
    const answer = await store.collection.simulate({ at: now + 10 * day, policy });
    expect(answer.tags.map(({ tag }) => tag)).toEqual(["v1", "v2"]);
    expect(answer.bytesFreed).toBe(2000);
  });

  it("foretells what then happens, when the policy becomes real", async () => {
    await push(nightly, "one", 1500);
    await push(nightly, "two", 2500);
    await push(app, "v1", 4000);
    const rules = { ...standardClass, name: "brief", lifetimeMs: day };
    const at = now + 2 * day;
    const foretold = await store.collection.simulate({
      at,
      policy: { classes: [rules], repositories: [{ matching: "acme/nightly", class: "brief" }] },
    });
    await store.retention.defineClass(rules);
    for (const tag of await tagsOf(nightly)) {
      const { digest } = await store.manifests.get(nightly, { tag: parseTag(tag) });
      await store.retention.classify(nightly, digest, "brief");
    }
    now = at;
    expect(await settle()).toBe(foretold.bytesFreed);
    expect(await tagsOf(nightly)).toEqual([]);
    expect(await tagsOf(app)).toEqual(["v1"]);
  });

  it("refuses a class that is not there, and a time that is none", async () => {
    const repositories = [{ matching: "*", class: "nowhere" }];
    for (const bad of [{ at: now, policy: { repositories } }, { at: Number.NaN }, { at: -1 }, { at: 9e15 }]) {
      await expect(store.collection.simulate(bad)).rejects.toMatchObject({ code: "RETENTION_INVALID" });
    }
  });
});

describe("tag policies", () => {
  it("are applied by the store itself, and a tag that any of them keeps stays", async () => {
    for (const tag of ["v1", "v2", "v3", "release-1"]) {
      await push(app, tag);
      await push(nightly, tag);
      now += 1000;
    }
    await store.tagPolicies.put({ name: "few", matching: "acme/app", rules: { last: 1 } });
    await store.tagPolicies.put({ name: "releases", matching: "acme/*p", rules: { matching: ["v1"] } });
    expect((await store.tagPolicies.judge(app)).filter(({ kept }) => kept).map(({ name }) => name)).toEqual([
      "release-1",
      "v1",
    ]);
    expect(await store.tagPolicies.apply()).toBe(2);
    expect(await tagsOf(app)).toEqual(["release-1", "v1"]);
    expect(await tagsOf(nightly)).toHaveLength(4);
    const events = await store.events.read({ after: 0, limit: 1000 });
    expect(events.filter(({ type }) => type === "tag.removed").map(({ data }) => data)).toMatchObject([
      { tag: "v2", reason: "may go because no rule keeps it" },
      { tag: "v3" },
    ]);
    expect(await store.tagPolicies.apply()).toBe(0);
  });

  it("are applied before each collection in the background", async () => {
    await store.close();
    store = await openStore({ root: folder.path, limits: { ...limits, collectEveryMs: 20 }, now: () => now });
    await push(app, "v1");
    now += 1000;
    await push(app, "v2");
    await store.tagPolicies.put({ name: "last", matching: "*", rules: { last: 1 } });
    await expect.poll(() => tagsOf(app)).toEqual(["v2"]);
  });

  it("are replaced by name, listed, removed, and refused when they are none", async () => {
    await store.tagPolicies.put({ name: "p", matching: "*", rules: { last: 1 } });
    await store.tagPolicies.put({ name: "p", matching: "acme/*", rules: { last: 2 } });
    expect(await store.tagPolicies.list()).toEqual([{ name: "p", matching: "acme/*", rules: { last: 2 } }]);
    expect(await store.tagPolicies.remove("p")).toBe(true);
    expect(await store.tagPolicies.remove("p")).toBe(false);
    for (const bad of [
      { name: "Bad", matching: "*", rules: {} },
      { name: "p", matching: "", rules: {} },
      { name: "p", matching: "*", rules: { last: -1 } },
      { name: "p", matching: "*", rules: { matching: [""] } },
    ]) {
      await expect(store.tagPolicies.put(bad)).rejects.toMatchObject({ code: "RETENTION_INVALID" });
    }
  });
});
