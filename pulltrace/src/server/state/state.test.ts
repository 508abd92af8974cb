import { open, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Writable } from "node:stream";
import { createLogger } from "@waybill/foundation/telemetry";
import { silentLogger, temporaryFolder } from "@waybill/foundation/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { containerOf, scriptedPods } from "../pods/testing/pods.ts";
import { numberIn, readEvents } from "../testing/event-reader.ts";
import { layerOf, noon, pullOf, reportOf } from "../testing/reports.ts";
import { runningServer } from "../testing/running-server.ts";
import { openPullState, type PullStateOptions } from "./index.ts";

const hourMs = 3_600_000;
async function folder(): Promise<string> {
  const made = await temporaryFolder("waybill-pull-state-");
  onTestFinished(() => rm(made.path, { recursive: true, force: true }));
  return made.path;
}
const openState = (path: string, more: Partial<PullStateOptions> = {}) =>
  openPullState({ folder: path, historyTtlMs: hourMs, log: silentLogger(), clock: () => noon, ...more });
const finished = (id: string, at = noon) =>
  pullOf([layerOf(1, 1_000, { phase: "done" })], { id, phase: "done", completedAt: new Date(at).toISOString() });

describe("the state of the pull server", () => {
  it("brings finished pulls back after a restart, once, and no metric counts them again", async () => {
    const path = await folder();
    const before = await openState(path);
    const first = await runningServer({ state: before, historyTtlMs: hourMs });
    await first.post(reportOf([pullOf([layerOf(1, 10)], { id: "runs" }), finished("a"), finished("b")]));
    const { lastEventId, pulls } = await first.list();
    await first.close();
    await before.close();

    const after = await openState(path);
    const second = await runningServer({ state: after, historyTtlMs: hourMs });
    const ended = pulls.filter(({ phase }) => phase === "done");
    expect((await second.list()).pulls).toEqual(expect.arrayContaining(ended));
    expect((await second.list()).pulls).toHaveLength(2);
    // Whether the node still exists is not known before it reports.
    expect(await second.nodes()).toEqual([]);

    await second.post(reportOf([pullOf([layerOf(1, 20)], { id: "runs" }), finished("a"), finished("b")]));
    const ids = (await second.list()).pulls.map(({ id }) => id).toSorted();
    expect(ids).toEqual(pulls.map(({ id }) => id).toSorted());
    expect(await second.nodes()).toHaveLength(1);
    expect([await second.metric("pulltrace_pulls_total"), await second.metric("pulltrace_pull_bytes_total")]).toEqual([
      1, 0,
    ]);

    // An id of the run before does not fit by chance: the reader is told to begin anew.
    const reader = await readEvents(second.url, { lastEventId });
    await reader.until((messages) => messages.length > 0);
    expect(reader.messages[0]).toMatchObject({ event: "reset", data: "" });
    expect(numberIn(reader.lastEventId())).toBe(numberIn((await second.list()).lastEventId));
    await reader.close();
    await second.close();
    await after.close();
  });

  it("knows a finished pull that pods waited for under its id, when the agent still reports its end", async () => {
    const path = await folder();
    const before = await openState(path);
    const pods = scriptedPods();
    const first = await runningServer({ state: before, historyTtlMs: hourMs, pods });
    const waits = (): void =>
      pods.set("node-1", { waiting: [containerOf({ image: finished("a").imageRef, since: noon })] });
    waits();
    first.pass(4_000);
    waits();
    const [row] = (await first.list()).pulls;
    expect(row?.phase).toBe("waiting");
    const ends = reportOf([finished("a", noon + 4_000)]);
    await first.post(ends);
    expect((await first.list()).pulls).toMatchObject([{ id: row?.id, phase: "done" }]);
    await first.close();
    await before.close();

    const after = await openState(path);
    const second = await runningServer({ state: after, historyTtlMs: hourMs });
    await second.post(ends);
    expect((await second.list()).pulls.map(({ id }) => id)).toEqual([row?.id]);
    expect(await second.metric("pulltrace_pulls_total")).toBe(0);
    await second.close();
    await after.close();
  });

  it("a running pull that pods had waited for keeps its id over restarts of server and agent, and over a new wait", async () => {
    const path = await folder();
    const before = await openState(path);
    const pods = scriptedPods();
    const first = await runningServer({ state: before, historyTtlMs: hourMs, pods });
    const runs = (downloaded: number) => pullOf([layerOf(1, downloaded)], { id: "runs" });
    const waits = (source: typeof pods): void =>
      source.set("node-1", { waiting: [containerOf({ image: runs(0).imageRef, since: noon })] });
    waits(pods);
    first.pass(4_000);
    waits(pods);
    const [row] = (await first.list()).pulls;
    expect(row?.phase).toBe("waiting");
    await first.post(reportOf([runs(10)]));
    expect((await first.list()).pulls).toMatchObject([{ id: row?.id, phase: "downloading" }]);
    await first.close();
    await before.close();

    // The pods are seen to wait before the agent has reported, so that a row of their own stands there for a while.
    const between = await openState(path);
    const morePods = scriptedPods();
    const second = await runningServer({ state: between, historyTtlMs: hourMs, pods: morePods });
    waits(morePods);
    second.pass(4_000);
    waits(morePods);
    expect((await second.list()).pulls).toMatchObject([{ phase: "waiting" }]);
    await second.post(reportOf([runs(20)]));
    const running = (await second.list()).pulls.filter(({ phase }) => phase === "downloading");
    expect(running.map(({ id }) => id)).toEqual([row?.id]);
    await second.close();
    await between.close();

    const after = await openState(path);
    const third = await runningServer({ state: after, historyTtlMs: hourMs });
    await third.post(reportOf([runs(30)]));
    expect((await third.list()).pulls).toMatchObject([{ id: row?.id, phase: "downloading" }]);
    // It ends once, however often that is told.
    const over = pullOf([layerOf(1, 1_000, { phase: "done" })], {
      id: "runs",
      phase: "done",
      completedAt: new Date(noon + 9_000).toISOString(),
    });
    for (const report of [reportOf([over]), reportOf([over])]) await third.post(report);
    expect((await third.list()).pulls.map(({ id, phase }) => ({ id, phase }))).toEqual([
      { id: row?.id, phase: "done" },
    ]);
    await third.close();
    await after.close();
  });

  it("brings back what was learned of a node's speed", async () => {
    const path = await folder();
    const before = await openState(path);
    const first = await runningServer({ state: before });
    const step = (running: typeof first, downloaded: number) =>
      running.post(reportOf([pullOf([layerOf(1, downloaded, { totalBytes: 1e9 })])]));
    for (let second = 0; second < 20; second += 1) {
      await step(first, second * 2e6);
      first.pass(1_000);
    }
    await first.close();
    await before.close();

    const after = await openState(path);
    expect([...after.restored.nodes.keys()]).toEqual(["node-1"]);
    expect(after.restored.nodes.get("node-1")?.link?.usual).toBeGreaterThan(1e6);
    const second = await runningServer({ state: after });
    await second.post(reportOf([pullOf([layerOf(1, 40e6, { totalBytes: 1e9 })])]));
    second.pass(1_000);
    await second.post(reportOf([pullOf([layerOf(1, 42e6, { totalBytes: 1e9 })])]));
    expect((await second.list()).pulls[0]?.timeLeft?.basis).toBe("node");
    await second.close();
    await after.close();
  });

  it("keeps no longer than the history, and no more than its bound", async () => {
    const path = await folder();
    const old = await openState(path, { clock: () => noon - 2 * hourMs });
    const first = await runningServer({ state: old, clock: () => noon - 2 * hourMs, historyTtlMs: hourMs });
    await first.post(
      reportOf([finished("old", noon - 2 * hourMs)], { timestamp: new Date(noon - 2 * hourMs).toISOString() }),
    );
    await first.close();
    await old.close();
    const bounded = await openState(path, { pulls: 5 });
    expect(bounded.restored.pulls).toEqual([]);
    const second = await runningServer({ state: bounded, historyTtlMs: hourMs });
    for (let index = 0; index < 12; index += 1) {
      second.pass(1_000);
      await second.post(reportOf([finished(`p${index}`)]));
    }
    await second.close();
    await bounded.close();
    const again = await openState(path, { clock: () => noon + 60_000 });
    expect(again.restored.pulls.map(({ key }) => key)).toEqual(["id p7", "id p8", "id p9", "id p10", "id p11"]);
    await again.close();
  });

  it.each(["no database at all", "torn in the middle"])(
    "is put aside when it is damaged (%s), with a clear warning",
    async (damage) => {
      const path = await folder();
      const file = join(path, "pulltrace.sqlite");
      const before = await openState(path);
      const first = await runningServer({ state: before });
      await first.post(reportOf(Array.from({ length: 300 }, (_, index) => finished(`p${index}`))));
      await first.close();
      await before.close();
      if (damage === "no database at all") await writeFile(file, "Nobody knows what this is.".repeat(500));
      else {
        const handle = await open(file, "r+");
        await handle.write(Buffer.alloc(60_000, 0xa5), 0, 60_000, 8_192);
        await handle.close();
      }
      const lines: string[] = [];
      const destination = new Writable({
        write(chunk: Buffer, _encoding, done) {
          lines.push(chunk.toString());
          done();
        },
      });
      const after = await openState(path, { log: createLogger({ level: "warn", name: "x", destination }) });
      expect(after.restored.pulls).toEqual([]);
      expect(lines.join("")).toMatch(/is damaged: it was put aside.*history begins anew/);
      const names = await readdir(path);
      expect(names.filter((name) => name.startsWith("pulltrace.sqlite.damaged-2026-11-21T12"))).not.toEqual([]);
      const second = await runningServer({ state: after });
      await second.post(reportOf([finished("new")]));
      await second.close();
      await after.close();
      const again = await openState(path);
      expect(again.restored.pulls).toHaveLength(1);
      await again.close();
    },
  );

  it("that cannot be written is refused with what to do", async () => {
    const path = await folder();
    await writeFile(join(path, "file"), "");
    await expect(openState(join(path, "file", "below"))).rejects.toThrow(/cannot be opened/);
  });
});
