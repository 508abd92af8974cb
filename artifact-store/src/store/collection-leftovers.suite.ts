import { expect, it } from "vitest";
import { digestOfKey } from "../blobs/index.ts";
import { digestOf } from "../digest/index.ts";
import { home, limits, type CollectionScene } from "./collection-scene.suite.ts";
import { openStore } from "./index.ts";

/** What other programs, older releases and crashes left, and what the audit says of it. */
export function describeLeftovers(scene: CollectionScene): void {
  const { put, files, putManifest, settle } = scene;

  it("sweeps bytes that nobody names when they are old enough, and the audit tells of all that does not fit", async () => {
    const [missing, corrupt] = [await put("missing"), await put("corrupt")];
    const orphan = digestOf(Buffer.from("orphan"));
    await scene.place.tamper(orphan, Buffer.from("orphan"));
    await scene.place.tamper(missing, undefined);
    await scene.place.tamper(corrupt, Buffer.from("bytes!!"));
    const { findings, blobs } = await scene.store.collection.audit();
    expect(blobs).toBe(2);
    expect(findings.map(({ kind: what, key }) => `${what} ${digestOfKey(key)}`).toSorted()).toEqual(
      [`corrupt ${corrupt}`, `missing ${missing}`, `unnamed ${orphan}`].toSorted(),
    );
    await scene.store.collection.run({ everywhere: true });
    expect((await files()).length).toBe(2);
    scene.now = Date.now() + 2 * 3_600_000;
    const steps = (await scene.store.collection.run({ everywhere: true })).steps;
    expect(steps).toContainEqual(expect.objectContaining({ kind: "remove-bytes", key: orphan, bytes: 6 }));
    await settle();
    expect(await files()).toEqual([]);
  });

  it("a folder is opened with its own catalog only: with another, all of its bytes would count as left over", async () => {
    await put("layer");
    await scene.store.close();
    await expect(openStore({ ...scene.place.options, database: ":memory:", limits })).rejects.toThrow(
      "do not belong together",
    );
    await scene.place.backend.identify("", "");
    await expect(openStore({ ...scene.place.options, database: ":memory:", limits })).rejects.toThrow(
      "this catalog is empty",
    );
    await expect(scene.reopen()).rejects.toThrow("do not belong together");
    const { id } = await scene.database.read.selectFrom("store_identity").select("id").executeTakeFirstOrThrow();
    await scene.place.backend.identify(id, "");
    await scene.reopen();
    expect((await files()).length).toBe(1);
  });

  it("a catalog from before references were written down loses nothing", async () => {
    const image = await putManifest(["layer"], { tag: "v1" });
    await scene.database.transaction(async (tx) => {
      await tx.deleteFrom("store_manifest_blobs").execute();
      await tx.updateTable("store_manifests").set({ indexed: 0 }).execute();
    });
    await settle();
    expect((await files()).length).toBe(2);
    await scene.store.manifests.remove(home, image);
    await settle();
    expect(await files()).toEqual([]);
  });
}
