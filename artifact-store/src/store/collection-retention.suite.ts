import { expect, it } from "vitest";
import { brief, hold, home, type CollectionScene } from "./collection-scene.suite.ts";

/** What keeps a manifest from collection, and lets it go. */
export function describeRetained(scene: CollectionScene): void {
  const { files, putManifest, isThere, settle, defineClass } = scene;

  it("what is held or pinned is deleted by nobody, and goes when the last of them ends", async () => {
    await defineClass("brief", { lifetimeMs: 50, longestMs: 9000 });
    await scene.store.retention.useClass(brief, "brief");
    const digest = await putManifest(["layer"], { repository: brief, tag: "v1" });
    await scene.store.retention.hold(brief, digest, hold);
    await scene.store.retention.pin(brief, digest, { name: "web", holder: "manager", why: "revision 7 runs this" });
    await settle();
    await expect(scene.store.manifests.remove(brief, digest)).rejects.toMatchObject({ code: "HELD" });
    expect(await scene.store.retention.release(brief, digest, "case-7")).toBe(true);
    expect(await scene.store.retention.release(brief, digest, "case-7")).toBe(false);
    await settle();
    expect((await scene.store.retention.eligibility(brief, digest)).sentence).toContain("pinned by manager");
    await scene.store.retention.unpin(brief, digest, "web");
    expect(await scene.store.retention.eligibility(brief, digest)).toMatchObject({
      verdict: "may-go",
      because: "expired",
    });
    await scene.store.retention.extend(brief, digest, { until: scene.now + 2500, holder: "ada", why: "audit" });
    expect((await scene.store.retention.show(brief, digest)).extensions).toMatchObject([{ holder: "ada" }]);
    await settle();
    expect(await isThere(digest, brief)).toBe(false);
    expect((await scene.store.retention.tombstone(brief, digest))?.reason).toContain("class brief");
    await settle();
    expect(await files()).toEqual([]);
    const types = (await scene.store.events.read({ after: 0, limit: 100 })).map((event) => event.type);
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
    await defineClass("brief", { lifetimeMs: 50, locked: true });
    await scene.store.retention.useClass(brief, "brief");
    const locked = await putManifest(["a"], { repository: brief, tag: "v1" });
    await expect(scene.store.manifests.remove(brief, locked)).rejects.toMatchObject({ code: "HELD" });
    await expect(scene.store.retention.classify(brief, locked, "standard")).rejects.toMatchObject({ code: "HELD" });
    scene.now += 50;
    await scene.store.manifests.remove(brief, locked);
    await defineClass("rolling", { untaggedMs: 30 });
    await scene.store.retention.useClass(home, "rolling");
    const old = await putManifest(["old"], { tag: "v1" });
    scene.now += 1;
    const young = await putManifest(["young"], { tag: "v2" });
    expect((await scene.store.retention.judgeTags(home, { last: 1 })).map(({ kept }) => kept)).toEqual([false, true]);
    await scene.store.retention.applyTagRules(home, { last: 1 });
    expect((await scene.store.tags.list(home, { limit: 9 })).tags).toEqual(["v2"]);
    await settle();
    expect([await isThere(old), await isThere(young)]).toEqual([false, true]);
  });
}
