import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { silentLogger, startProcess, temporaryFolder } from "@waybill/foundation/testing";
import { expect, it } from "vitest";
import { openPullState } from "./index.ts";

it("what was on disk survives kill -9 at any moment, whole, and the next run goes on", async () => {
  await using folder = await temporaryFolder("waybill-pull-state-");
  let next = 0;
  let kept = 0;
  for (let round = 0; round < 15; round += 1) {
    const script = new URL("../testing/state-writer.process.ts", import.meta.url);
    const writer = startProcess(script, [folder.path, String(next)]);
    let last = -1;
    writer.lines.on("line", (line) => (last = Number(line)));
    await once(writer.lines, "line");
    await sleep(Math.random() * 40);
    await writer.kill();

    const state = await openPullState({ folder: folder.path, historyTtlMs: 3_600_000, log: silentLogger() });
    const ids = new Set(state.restored.pulls.map(({ status }) => Number(status.id)));
    const written = Array.from({ length: last + 1 }, (_, number) => number);
    expect(written.filter((number) => !ids.has(number))).toEqual([]);
    kept = ids.size;
    // All of a batch or nothing of it.
    expect(kept % 50).toBe(0);
    expect(new Set(state.restored.adopted.map(({ id }) => Number(id)))).toEqual(ids);
    expect(new Set(state.restored.pulls.map(({ nodeName }) => nodeName)).size).toBe(7);
    await state.close();
    next = kept;
  }
  expect(kept).toBeGreaterThanOrEqual(15 * 50);
});
