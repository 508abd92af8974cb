import { randomInt } from "node:crypto";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { startProcess, temporaryFolder } from "@waybill/foundation/testing";
import { expect, it } from "vitest";
import { openStore } from "./index.ts";

const rounds = 20;
const program = new URL("../testing/packing-store.process.ts", import.meta.url);

interface Expected {
  readonly files: Set<string>;
  archived: boolean;
  sealed: boolean;
}

it(`${rounds} × kill -9 during package writes: what is acknowledged is whole, an archive is there whole or not at all`, async () => {
  await using folder = await temporaryFolder("waybill-packages-kill-");
  const expected = new Map<string, Expected>();
  let checked = 0;
  for (let round = 0; round < rounds; round++) {
    const running = startProcess(program, [folder.path]);
    running.finished().catch(() => undefined);
    running.lines.on("line", (line: string) => {
      const [word = "", id = "", path = ""] = line.split(" ");
      const one = expected.get(id);
      if (word === "opened") expected.set(id, { files: new Set(), archived: false, sealed: false });
      if (word === "added") one?.files.add(path);
      if (word === "archived" && one !== undefined) one.archived = true;
      if (word === "sealed" && one !== undefined) one.sealed = true;
      if (word === "deleting") expected.delete(id);
    });
    // By what it has done, not by the clock: a busy machine does little in a second.
    for (let left = randomInt(5, 60); left > 0; left--) await once(running.lines, "line");
    await sleep(randomInt(0, 20));
    expect(running.process.exitCode).toBeNull();
    await running.kill();
    const store = await openStore({ root: folder.path, limits: { collectEveryMs: 0 } });
    for (const [id, { files, archived, sealed }] of expected) {
      const found = await store.packages.get(id);
      const { items } = await store.packages.files(id);
      const fromArchive = items.filter(({ path }) => path.startsWith("archive/"));
      expect([0, 5]).toContain(fromArchive.length);
      expect(found.fileCount).toBe(items.length);
      expect(items.map(({ path }) => path)).toEqual(expect.arrayContaining([...files]));
      expect([!archived || fromArchive.length === 5, !sealed || found.state === "sealed"]).toEqual([true, true]);
      for (const { path } of items) {
        const { reader } = await store.packages.openFile(id, path);
        expect(await text(reader.stream())).toBe(path);
        checked++;
      }
    }
    expect(await readdir(join(folder.path, "spool")).catch(() => [])).toEqual([]);
    await store.close();
    // Old ones have been seen often enough.
    for (const id of [...expected.keys()].slice(0, Math.max(0, expected.size - 40))) expected.delete(id);
  }
  expect(checked).toBeGreaterThan(rounds * 5);

  // Days later nothing is left of packages that nobody sealed, nor of what a kill left half-done.
  const day = 86_400_000;
  let later = 0;
  const store = await openStore({ root: folder.path, now: () => Date.now() + later, limits: { collectEveryMs: 0 } });
  for (let round = 0; round < 3; round++) {
    later += 2 * day;
    await store.collection.run({ everywhere: true });
  }
  expect((await store.packages.find({ states: ["open", "expired"] })).items).toEqual([]);
  expect((await store.collection.audit()).findings).toEqual([]);
  await store.close();
});
