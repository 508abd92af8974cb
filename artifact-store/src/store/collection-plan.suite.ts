import { expect, it } from "vitest";
import { brief, home, type CollectionScene } from "./collection-scene.suite.ts";

/** The plan of a collection, and that its run is the same. */
export function describePlan(scene: CollectionScene): void {
  const { put, files, putManifest, putIndex, openPackage, settle, defineClass } = scene;

  it("a run does, step by step, what the plan before it says, with the same bytes", async () => {
    await defineClass("brief", { lifetimeMs: 50 });
    await scene.store.retention.useClass(brief, "brief");
    const child = await putManifest(["child"]);
    const index = await putIndex([child], "v1");
    await putManifest(["about"], { subject: index });
    await putManifest(["expires", "shared"], { repository: brief, tag: "v1" });
    await putManifest(["shared"], { repository: brief });
    await openPackage(["forgotten", "shared"], brief);
    await put("loose");
    await scene.store.manifests.remove(home, index);
    const kinds = new Set<string>();
    for (const pause of [0, 12, 12, 30, 3, 20, 6, 100, 100, 100]) {
      scene.now += pause;
      const plan = await scene.store.collection.plan({ everywhere: true });
      expect(await scene.store.collection.plan({ everywhere: true })).toEqual(plan);
      expect(await scene.store.collection.run({ everywhere: true })).toEqual(plan);
      for (const step of plan.steps) kinds.add(step.kind);
    }
    expect([...kinds].toSorted()).toEqual([
      "condemn-blob",
      "delete-blob",
      "delete-manifest",
      "expire-package",
      "remove-bytes",
      "unlink-blob",
    ]);
    expect(await files()).toEqual([]);
  });

  it("an open package that nobody sealed in time is in the plan, in a simulation and in a saved plan", async () => {
    const id = await openPackage(["forgotten"]);
    const sealed = await openPackage(["sealed"]);
    await scene.store.packages.seal(sealed);
    expect((await scene.store.collection.plan({ everywhere: true })).steps).toEqual([]);
    const later = await scene.store.collection.simulate({ at: scene.now + 1000 });
    expect(later.steps.map((step) => step.kind)).toEqual([
      "expire-package",
      "condemn-blob",
      "delete-blob",
      "remove-bytes",
    ]);
    scene.now += 100;
    const saved = await scene.store.collection.savePlan();
    expect(saved.plan.steps[0]).toEqual({
      kind: "expire-package",
      repository: home,
      package: id,
      sentence: `goes because nobody sealed it before ${new Date(scene.now - 40).toISOString()}`,
    });
    const applied = await scene.store.collection.applyPlan(JSON.parse(JSON.stringify(saved)));
    expect(applied).toEqual(saved.plan);
    expect(await scene.store.packages.get(id)).toMatchObject({ state: "deleted" });
    expect(await scene.store.packages.get(sealed)).toMatchObject({ state: "sealed" });
    await expect(scene.store.collection.applyPlan(saved)).rejects.toMatchObject({
      code: "PLAN_OVERTAKEN",
      message: expect.stringContaining(`expire-package ${home} ${id} would not be done now`) as string,
    });
    await settle();
    expect((await files()).length).toBe(2);
  });

  it("a package to which somebody adds after the plan was made is not ended by it", async () => {
    const id = await openPackage(["forgotten"]);
    scene.now += 59;
    await scene.store.packages.addFile(id, "more", { chunks: new Blob(["more"]).stream() });
    scene.now += 59;
    expect((await scene.store.collection.run({ everywhere: true })).steps).toEqual([]);
    expect((await scene.store.packages.seal(id)).fileCount).toBe(2);
  });
}
