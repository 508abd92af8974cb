import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findPrograms } from "./cache.ts";
import { withLock } from "./lock.ts";
import { programNames } from "./modules.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "waybill-programs-"));
});
afterEach(() => rm(folder, { recursive: true }));

describe("ready programs", () => {
  it("are taken from the folder that WAYBILL_CLUSTER_ASSETS names", async () => {
    for (const name of programNames) await writeFile(join(folder, name), "");
    const { paths } = await findPrograms({ WAYBILL_CLUSTER_ASSETS: folder });
    expect(paths).toEqual(Object.fromEntries(programNames.map((name) => [name, join(folder, name)])));
  });

  it("have to be all there: what lacks is said", async () => {
    for (const name of programNames) if (name !== "helm") await writeFile(join(folder, name), "");
    const { missing } = await findPrograms({ WAYBILL_CLUSTER_ASSETS: folder });
    expect(missing).toContain(`${folder}, which holds no helm`);
  });
});

describe("the lock of a build", () => {
  it("lets one in at a time", async () => {
    const file = join(folder, "lock");
    let inside = 0;
    let most = 0;
    const work = async (): Promise<void> => {
      inside += 1;
      most = Math.max(most, inside);
      await new Promise((resolve) => setTimeout(resolve, 20));
      inside -= 1;
    };
    const waited: number[] = [];
    const note = (pid: number): void => void waited.push(pid);
    await Promise.all([withLock(file, note, work), withLock(file, note, work), withLock(file, note, work)]);
    expect(most).toBe(1);
    expect(new Set(waited)).toEqual(new Set([process.pid]));
  });

  it("is not held by the dead, and is given back by work that fails", async () => {
    const file = join(folder, "lock");
    await writeFile(file, JSON.stringify({ pid: process.pid, startedAt: "1", bootId: "before the reboot" }));
    const failing = withLock(
      file,
      () => undefined,
      () => Promise.reject(new Error("no compiler")),
    );
    await expect(failing).rejects.toThrow("no compiler");
    expect(
      await withLock(
        file,
        () => undefined,
        async () => "done",
      ),
    ).toBe("done");
  });
});
