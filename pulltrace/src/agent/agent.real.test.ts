import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { AgentReport, ReportedPull } from "../contract/index.ts";
import { containerdPrograms, type MadeImage, type MadeRegistry, startMadeRegistry } from "../testing/index.ts";
import { pullsOf, startReportingNode } from "./testing/reporting-node.ts";

const MiB = 1024 * 1024;
const hope = { timeout: 120_000, interval: 100 };
const { programs, missing } = await containerdPrograms();
for (const reason of missing) console.log(`agent against a real containerd: skipped in part, ${reason}`);

let registry: MadeRegistry;
let imageA: MadeImage;
let imageB: MadeImage;

beforeAll(async () => {
  registry = await startMadeRegistry();
  const shared = { seed: 1, bytes: 6 * MiB };
  imageA = registry.add("team/a", "v1", [shared, { seed: 2, bytes: 8 * MiB }, { seed: 3, bytes: 3 * MiB }], {
    index: true,
  });
  imageB = registry.add("team/b", "v2", [shared, { seed: 4, bytes: 5 * MiB }]);
});
afterAll(() => registry.close());

// Side by side: they mostly wait, each beside a containerd of its own.
describe.skipIf(programs.length === 0).each(programs)(
  "the agent beside a real containerd $release",
  { concurrent: true },
  (program) => {
    const newNode = (bytesPerSecond = 2 * MiB) =>
      startReportingNode({ program, registryPort: registry.port, bytesPerSecond });

    it("leaves no mount and no folder behind when it closes, also in mid-pull", async () => {
      await using node = await newNode();
      const pull = node.containerd.pull(node.name(imageA));
      await node.until((report) => pullsOf(report, "team/a").some((one) => bytesOf(one) > 0));
      const { root, pid } = node.containerd;
      await node.containerd.close();
      expect((await pull.finished).code).not.toBe(0);
      expect(await readFile("/proc/self/mounts", "utf8")).not.toContain(root);
      expect([existsSync(root), existsSync(`/proc/${pid}`)]).toEqual([false, false]);
    });

    it("tells two images at once as two pulls with their own layers, totals known from the first report", async () => {
      await using node = await newNode(4 * MiB);
      const first = node.containerd.pull(node.name(imageA));
      await node.until((report) => pullsOf(report, "team/a").some((pull) => pull.layers.length > 0));
      const second = node.containerd.pull(node.name(imageB));
      await Promise.all([first.finished, second.finished]);
      await node.until((report) => report.pulls.length === 2 && report.pulls.every((pull) => pull.phase === "done"));

      const expected = new Map([
        ["team/a", imageA],
        ["team/b", imageB],
      ]);
      for (const [repository, image] of expected) {
        const history = node.history(repository).filter((pull) => pull.layers.length > 0);
        expect(history.length).toBeGreaterThan(1);
        expect(new Set(history.map((pull) => pull.id)).size).toBe(1);
        for (const pull of history) {
          const layers = pull.layers.map(({ digest, totalBytes, mediaType }) => ({
            digest,
            size: totalBytes,
            mediaType,
          }));
          expect(layers).toEqual(image.layers.map(({ digest, size, mediaType }) => ({ digest, size, mediaType })));
          expect(pull).toMatchObject({ totalKnown: true, manifestDigest: image.manifestDigest });
        }
        expect(history.at(-1)?.imageRef).toBe(node.name(image));
      }
      const shared = node.reports
        .filter((report) => report.pulls.length === 2)
        .map((report) => ["team/a", "team/b"].map((one) => pullsOf(report, one)[0]?.layers[0]?.downloadedBytes));
      expect(shared.length).toBeGreaterThan(0);
      for (const [one, other] of shared) expect(one).toBe(other);
      expect(
        node.reports.flatMap((report) => report.pulls).some((pull) => pull.layers.some((layer) => layer.cached)),
      ).toBe(false);
    });

    it("tells layers without a free slot as waiting", async () => {
      const wide = registry.add(
        "team/wide",
        "v1",
        Array.from({ length: 6 }, (_, index) => ({ seed: 100 + index, bytes: 4 * MiB })),
      );
      await using node = await newNode(MiB / 2);
      const pull = node.containerd.pull(node.name(wide), { maxConcurrentDownloads: 3 });
      const count = (told: ReportedPull | undefined, phase: string, begun: boolean): number =>
        told?.layers.filter((one) => one.phase === phase && one.downloadedBytes > 0 === begun).length ?? 0;
      await node.until((report) => {
        const [told] = pullsOf(report, "team/wide");
        const [coming, slow] = [count(told, "downloading", true), count(told, "downloading", false)];
        return coming === 3 && slow === 0 && count(told, "waiting", false) > 0;
      });
      node.proxy.setRate(50 * MiB);
      expect((await pull.finished).code).toBe(0);
    });

    it("marks layers that were on the node as cached", async () => {
      await using node = await newNode();
      node.proxy.setRate(100 * MiB);
      expect((await node.containerd.pull(node.name(imageA)).finished).code).toBe(0);
      node.proxy.setRate(3 * MiB);
      expect((await node.containerd.pull(node.name(imageB)).finished).code).toBe(0);
      await node.until((report) => pullsOf(report, "team/b").some((pull) => pull.phase === "done"));
      for (const pull of node.history("team/b")) {
        expect(pull.layers.map((layer) => layer.cached)).toEqual([true, false]);
      }
    });

    it.each(["SIGINT", "SIGKILL"] as const)("tells a pull whose client got %s as cancelled", async (signal) => {
      await using node = await newNode();
      const pull = node.containerd.pull(node.name(imageA));
      await node.until((report) => pullsOf(report, "team/a").some((one) => bytesOf(one) > 2 * MiB));
      pull.abort(signal);
      await pull.finished;
      const end = await node.until((report) => pullsOf(report, "team/a").some((one) => one.completedAt !== undefined));
      expect(pullsOf(end, "team/a")[0]).toMatchObject({
        phase: "cancelled",
        error: expect.stringContaining("went away after") as string,
      });
    });

    it("tells a pull whose registry broke off as failed", async () => {
      await using node = await newNode();
      const pull = node.containerd.pull(node.name(imageA));
      await node.until((report) => pullsOf(report, "team/a").some((one) => bytesOf(one) > MiB));
      node.proxy.drop({ refuse: true });
      expect((await pull.finished).code).not.toBe(0);
      const end = await node.until((report) => pullsOf(report, "team/a").some((one) => one.completedAt !== undefined));
      expect(pullsOf(end, "team/a")[0]).toMatchObject({
        phase: "failed",
        error: expect.stringContaining("was given up after") as string,
      });
    });

    it("a pull through a link that stands still for a while goes on as the same pull", async () => {
      await using node = await newNode();
      const pull = node.containerd.pull(node.name(imageA));
      await node.until((report) => pullsOf(report, "team/a").some((one) => bytesOf(one) > MiB));
      node.proxy.setRate(0);
      await delay(12_000);
      expect(node.history("team/a").at(-1)?.phase).toBe("downloading");
      node.proxy.setRate(20 * MiB);
      expect((await pull.finished).code).toBe(0);
      await node.until((report) => pullsOf(report, "team/a").some((one) => one.phase === "done"));
      expect(new Set(node.history("team/a").map((one) => one.id)).size).toBe(1);
    });

    it("started anew in mid-pull keeps id and start time", async () => {
      await using node = await newNode();
      const pull = node.containerd.pull(node.name(imageA));
      const before = pullsOf(
        await node.until((report) => pullsOf(report, "team/a").some((one) => bytesOf(one) > MiB)),
        "team/a",
      )[0];
      await node.stopAgent();
      const reports = node.reports.length;
      await node.startAgent();
      await node.until(() => node.reports.slice(reports).some((report) => pullsOf(report, "team/a").length > 0));
      node.proxy.setRate(20 * MiB);
      await pull.finished;
      await node.until((report) => pullsOf(report, "team/a").some((one) => one.phase === "done"));
      for (const one of node.history("team/a"))
        expect(one).toMatchObject({ id: before?.id, startedAt: before?.startedAt });
    });

    it("tells an end that came while the server was away until the server has heard of it, however long ago it was", async () => {
      const keepFinishedMs = 1_000;
      await using node = await startReportingNode({
        program,
        registryPort: registry.port,
        bytesPerSecond: 4 * MiB,
        keepFinishedMs,
      });
      const pull = node.containerd.pull(node.name(imageA));
      await node.until((report) => pullsOf(report, "team/a").some((one) => bytesOf(one) > MiB));
      node.setServerAway(true);
      node.proxy.setRate(20 * MiB);
      expect((await pull.finished).code).toBe(0);
      const agoMs = (report: AgentReport): number => {
        const done = pullsOf(report, "team/a").find((one) => one.phase === "done")?.completedAt;
        return done === undefined ? -1 : Date.parse(report.timestamp) - Date.parse(done);
      };
      await vi.waitFor(() => expect(Math.max(...node.refused.map(agoMs))).toBeGreaterThan(4 * keepFinishedMs), hope);
      node.setServerAway(false);
      const heard = await node.until((report) => pullsOf(report, "team/a").some((one) => one.phase === "done"));
      expect(agoMs(heard)).toBeGreaterThan(4 * keepFinishedMs);
      await node.until((report) => report.pulls.length === 0);
    });

    it("lives through a restart of containerd, tells the broken pull as failed and the next one as done", async () => {
      await using node = await newNode();
      const pull = node.containerd.pull(node.name(imageA));
      await node.until((report) => pullsOf(report, "team/a").some((one) => bytesOf(one) > MiB));
      await node.containerd.restart("SIGKILL");
      await pull.finished;
      const end = await node.until((report) => pullsOf(report, "team/a").some((one) => one.completedAt !== undefined));
      expect(pullsOf(end, "team/a")[0]).toMatchObject({
        phase: "failed",
        error: expect.stringContaining("containerd was restarted") as string,
      });
      node.proxy.setRate(20 * MiB);
      expect((await node.containerd.pull(node.name(imageB)).finished).code).toBe(0);
      await node.until((report) => pullsOf(report, "team/b").some((one) => one.phase === "done"));
      await expect(node.agent.health.check(AbortSignal.timeout(60_000))).resolves.toBeUndefined();
    });

    it("tells an image whose manifest says markup where media types stand, and none of the markup", async () => {
      const mediaType = `<img src=x onerror="alert(1)">\u202e`;
      const hostile = registry.add("team/hostile", "v1", [{ seed: 66, bytes: 6 * MiB }], { mediaType });
      await using node = await newNode();
      const pull = node.containerd.pull(node.name(hostile));
      const report = await node.until((one) => pullsOf(one, "team/hostile").some((seen) => bytesOf(seen) > MiB));
      expect(pullsOf(report, "team/hostile")[0]?.layers).toMatchObject([
        { digest: hostile.layers[0]?.digest, mediaType: "", totalBytes: hostile.layers[0]?.size, totalKnown: true },
      ]);
      node.proxy.setRate(100 * MiB);
      await pull.finished;
      await node.until((one) => pullsOf(one, "team/hostile").some((seen) => seen.completedAt !== undefined));
      expect(JSON.stringify(node.reports)).not.toContain("onerror");
    });

    it("shows nothing of what was on the node or left over before it came", async () => {
      await using node = await newNode();
      await node.stopAgent();
      node.proxy.setRate(100 * MiB);
      expect((await node.containerd.pull(node.name(imageB)).finished).code).toBe(0);
      node.proxy.setRate(2 * MiB);
      const before = node.proxy.bytes;
      const abandoned = node.containerd.pull(node.name(imageA));
      while (node.proxy.bytes < before + 2 * MiB) await delay(50);
      abandoned.abort("SIGKILL");
      await abandoned.finished;
      await delay(11_000);
      const reports = node.reports.length;
      await node.startAgent();
      await node.until(() => node.reports.length > reports + 3);
      expect(node.reports.slice(reports).flatMap((report) => report.pulls)).toEqual([]);
    });
  },
);

// The client of 1.6 asks for every layer before it looks at snapshots.
const lookFirst = programs.filter(({ release }) => !release.startsWith("1."));
describe.skipIf(lookFirst.length === 0).each(lookFirst)(
  "the agent beside a containerd $release that looks first",
  (program) => {
    it("tells a layer as cached whose snapshot is there and whose content is not", async () => {
      await using node = await startReportingNode({ program, registryPort: registry.port, bytesPerSecond: 100 * MiB });
      expect((await node.containerd.pull(node.name(imageA)).finished).code).toBe(0);
      await node.containerd.ctr(["content", "rm", imageA.layers[0]?.digest ?? ""]);
      const before = node.proxy.bytes;
      node.proxy.setRate(3 * MiB);
      expect((await node.containerd.pull(node.name(imageB)).finished).code).toBe(0);
      await node.until((report) => pullsOf(report, "team/b").some((pull) => pull.phase === "done"));
      expect(node.proxy.bytes - before).toBeLessThan(imageB.layers[0]?.size ?? 0);
      // Until containerd has the config, nobody knows which snapshot is whose: all layers wait.
      const known = node.history("team/b").filter(({ layers }) => layers.some(({ phase }) => phase !== "waiting"));
      expect(known.length).toBeGreaterThan(0);
      for (const pull of known) expect(pull.layers.map((layer) => layer.cached)).toEqual([true, false]);
    });
  },
);

function bytesOf(pull: ReportedPull): number {
  return pull.layers.reduce((sum, layer) => sum + layer.downloadedBytes, 0);
}
