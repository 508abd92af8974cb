import { createServer } from "node:http";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { silentLogger } from "@waybill/foundation/testing";
import type { AgentReport, ReportedPull } from "../contract/index.ts";
import {
  containerdPrograms,
  type MadeImage,
  type MadeRegistry,
  type RateLimitedProxy,
  rateLimitedProxy,
  type RunningContainerd,
  startContainerd,
  startMadeRegistry,
} from "../testing/index.ts";
import { type Agent, startAgent } from "./index.ts";

const MiB = 1024 * 1024;
const { programs, missing } = await containerdPrograms();
for (const reason of missing) console.log(`agent against a real containerd: skipped in part, ${reason}`);

let registry: MadeRegistry;
let imageA: MadeImage;
let imageB: MadeImage;
let containerd: RunningContainerd;
let proxy: RateLimitedProxy;
let agent: Agent;
let receiver: Receiver;

beforeAll(async () => {
  registry = await startMadeRegistry();
  const shared = { seed: 1, bytes: 6 * MiB };
  imageA = registry.add("team/a", "v1", [shared, { seed: 2, bytes: 8 * MiB }, { seed: 3, bytes: 3 * MiB }], {
    index: true,
  });
  imageB = registry.add("team/b", "v2", [shared, { seed: 4, bytes: 5 * MiB }]);
});
afterAll(() => registry.close());

describe.skipIf(programs.length === 0).each(programs)("the agent beside a real containerd $release", (program) => {
  beforeEach(async () => {
    receiver = await startReceiver();
    proxy = await rateLimitedProxy({ target: { host: "127.0.0.1", port: registry.port }, bytesPerSecond: 4 * MiB });
    containerd = await startContainerd(program);
    agent = await newAgent();
  });
  afterEach(async () => {
    await agent.close();
    await containerd.close();
    await proxy.close();
    await receiver.close();
  });

  it("leaves no mount and no folder behind when it closes, also in mid-pull", async () => {
    const pull = containerd.pull(name(imageA));
    await receiver.until((report) => of(report, "team/a").some((one) => bytesOf(one) > 0));
    const { root, pid } = containerd;
    await containerd.close();
    expect((await pull.finished).code).not.toBe(0);
    expect(await readFile("/proc/self/mounts", "utf8")).not.toContain(root);
    expect([existsSync(root), existsSync(`/proc/${pid}`)]).toEqual([false, false]);
  });

  it("tells two images at once as two pulls with their own layers, totals known from the first report", async () => {
    const first = containerd.pull(name(imageA));
    await receiver.until((report) => of(report, "team/a").some((pull) => pull.layers.length > 0));
    const second = containerd.pull(name(imageB));
    await Promise.all([first.finished, second.finished]);
    await receiver.until((report) => report.pulls.length === 2 && report.pulls.every((pull) => pull.phase === "done"));

    const expected = new Map([
      ["team/a", imageA],
      ["team/b", imageB],
    ]);
    for (const [repository, image] of expected) {
      const history = receiver.history(repository).filter((pull) => pull.layers.length > 0);
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
      expect(history.at(-1)?.imageRef).toBe(name(image));
    }
    const shared = receiver.reports
      .filter((report) => report.pulls.length === 2)
      .map((report) => ["team/a", "team/b"].map((one) => of(report, one)[0]?.layers[0]?.downloadedBytes));
    expect(shared.length).toBeGreaterThan(0);
    for (const [one, other] of shared) expect(one).toBe(other);
    expect(
      receiver.reports.flatMap((report) => report.pulls).some((pull) => pull.layers.some((layer) => layer.cached)),
    ).toBe(false);
  });

  it("marks layers that were on the node as cached", async () => {
    proxy.setRate(100 * MiB);
    expect((await containerd.pull(name(imageA)).finished).code).toBe(0);
    proxy.setRate(3 * MiB);
    expect((await containerd.pull(name(imageB)).finished).code).toBe(0);
    await receiver.until((report) => of(report, "team/b").some((pull) => pull.phase === "done"));
    for (const pull of receiver.history("team/b")) {
      expect(pull.layers.map((layer) => layer.cached)).toEqual([true, false]);
    }
  });

  it.each(["SIGINT", "SIGKILL"] as const)("tells a pull whose client got %s as cancelled", async (signal) => {
    proxy.setRate(2 * MiB);
    const pull = containerd.pull(name(imageA));
    await receiver.until((report) => of(report, "team/a").some((one) => bytesOf(one) > 2 * MiB));
    pull.abort(signal);
    await pull.finished;
    const end = await receiver.until(
      (report) => of(report, "team/a").some((one) => one.completedAt !== undefined),
      90_000,
    );
    expect(of(end, "team/a")[0]).toMatchObject({
      phase: "cancelled",
      error: expect.stringContaining("went away after") as string,
    });
  });

  it("tells a pull whose registry broke off as failed", async () => {
    proxy.setRate(2 * MiB);
    const pull = containerd.pull(name(imageA));
    await receiver.until((report) => of(report, "team/a").some((one) => bytesOf(one) > MiB));
    proxy.drop({ refuse: true });
    expect((await pull.finished).code).not.toBe(0);
    const end = await receiver.until((report) => of(report, "team/a").some((one) => one.completedAt !== undefined));
    expect(of(end, "team/a")[0]).toMatchObject({
      phase: "failed",
      error: expect.stringContaining("was given up after") as string,
    });
  });

  it("a pull through a link that stands still for a while goes on as the same pull", async () => {
    proxy.setRate(2 * MiB);
    const pull = containerd.pull(name(imageA));
    await receiver.until((report) => of(report, "team/a").some((one) => bytesOf(one) > MiB));
    proxy.setRate(0);
    await delay(12_000);
    expect(receiver.history("team/a").at(-1)?.phase).toBe("downloading");
    proxy.setRate(20 * MiB);
    expect((await pull.finished).code).toBe(0);
    await receiver.until((report) => of(report, "team/a").some((one) => one.phase === "done"));
    expect(new Set(receiver.history("team/a").map((one) => one.id)).size).toBe(1);
  });

  it("started anew in mid-pull keeps id and start time", async () => {
    proxy.setRate(2 * MiB);
    const pull = containerd.pull(name(imageA));
    const before = of(
      await receiver.until((report) => of(report, "team/a").some((one) => bytesOf(one) > MiB)),
      "team/a",
    )[0];
    await agent.close();
    const reports = receiver.reports.length;
    agent = await newAgent();
    await receiver.until(() => receiver.reports.slice(reports).some((report) => of(report, "team/a").length > 0));
    proxy.setRate(20 * MiB);
    await pull.finished;
    await receiver.until((report) => of(report, "team/a").some((one) => one.phase === "done"));
    for (const one of receiver.history("team/a"))
      expect(one).toMatchObject({ id: before?.id, startedAt: before?.startedAt });
  });

  it("lives through a restart of containerd, tells the broken pull as failed and the next one as done", async () => {
    proxy.setRate(2 * MiB);
    const pull = containerd.pull(name(imageA));
    await receiver.until((report) => of(report, "team/a").some((one) => bytesOf(one) > MiB));
    await containerd.restart("SIGKILL");
    await pull.finished;
    const end = await receiver.until(
      (report) => of(report, "team/a").some((one) => one.completedAt !== undefined),
      30_000,
    );
    expect(of(end, "team/a")[0]).toMatchObject({
      phase: "failed",
      error: expect.stringContaining("containerd was restarted") as string,
    });
    proxy.setRate(20 * MiB);
    expect((await containerd.pull(name(imageB)).finished).code).toBe(0);
    await receiver.until((report) => of(report, "team/b").some((one) => one.phase === "done"));
    await expect(agent.health.check(AbortSignal.timeout(1000))).resolves.toBeUndefined();
  });

  it("shows nothing of what was on the node or left over before it came", async () => {
    await agent.close();
    proxy.setRate(100 * MiB);
    expect((await containerd.pull(name(imageB)).finished).code).toBe(0);
    proxy.setRate(2 * MiB);
    const abandoned = containerd.pull(name(imageA));
    await delay(2_000);
    abandoned.abort("SIGKILL");
    await abandoned.finished;
    await delay(11_000);
    const reports = receiver.reports.length;
    agent = await newAgent();
    await receiver.until(() => receiver.reports.length > reports + 3);
    expect(receiver.reports.slice(reports).flatMap((report) => report.pulls)).toEqual([]);
  });
});

function newAgent(): Promise<Agent> {
  return startAgent({
    nodeName: "node-1",
    serverUrl: receiver.url,
    containerdSocket: containerd.socket,
    allowedSockets: [containerd.socket],
    reportIntervalMs: 500,
    log: silentLogger(),
  });
}

function name(image: MadeImage): string {
  return `${proxy.address}/${image.reference}`;
}

function of(report: AgentReport, repository: string): ReportedPull[] {
  return report.pulls.filter((pull) => pull.imageRef.includes(`/${repository}`));
}

function bytesOf(pull: ReportedPull): number {
  return pull.layers.reduce((sum, layer) => sum + layer.downloadedBytes, 0);
}

interface Receiver {
  readonly url: string;
  readonly reports: readonly AgentReport[];
  history(repository: string): ReportedPull[];
  /** The first report, from the last one on, that is as asked. */
  until(what: (report: AgentReport) => boolean, withinMs?: number): Promise<AgentReport>;
  close(): Promise<void>;
}

async function startReceiver(): Promise<Receiver> {
  const reports: AgentReport[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const body = Buffer.concat(parts);
      const plain = request.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body;
      reports.push(JSON.parse(plain.toString()) as AgentReport);
      response.writeHead(204).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the receiver has no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    reports,
    history: (repository) => reports.flatMap((report) => of(report, repository)),
    async until(what, withinMs = 60_000) {
      const end = Date.now() + withinMs;
      for (let seen = Math.max(0, reports.length - 1); Date.now() < end;) {
        for (; seen < reports.length; seen += 1) {
          const report = reports[seen];
          if (report !== undefined && what(report)) return report;
        }
        await delay(50);
      }
      throw new Error(`no such report came; the last was ${JSON.stringify(reports.at(-1), undefined, 1)}`);
    },
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
