import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PullStatus } from "@waybill/pulltrace/contract";
import {
  containerdPrograms,
  type Fault,
  type MadeImage,
  type MadeRegistry,
  startMadeRegistry,
} from "@waybill/pulltrace/testing";
import { startDockerRegistry } from "./harness/docker-registry.ts";
import { type EventReader, readEvents } from "./harness/event-reader.ts";
import { type PullNode, startPullNode } from "./harness/pull-node.ts";
import { untruths } from "./harness/pull-truth.ts";
import { until } from "./harness/until.ts";
import { type RunningWaybill, startWaybill } from "./harness/waybill.ts";

/**
 * What a node goes through, on real containerds (1.6 and 2.2) and a real registry (docker-registry, or our store). The
 * server's word is held twice a second against what the proxy between them saw on the wire.
 */

const MiB = 1024 * 1024;
const { programs, missing } = await containerdPrograms();
for (const reason of missing) console.log(`pulls on real containerds: skipped in part, ${reason}`);

/** One file for each registry, so that they run beside each other. */
export function describePulls(from: "docker-registry" | "our store"): void {
  let waybill: RunningWaybill;
  let made: MadeRegistry;
  let events: EventReader;
  let docker: Awaited<ReturnType<typeof startDockerRegistry>> | undefined;
  let registry: string;
  const shared = { seed: 1, bytes: 4 * MiB };
  const runtime = { seed: 2, bytes: 3 * MiB };
  const images = new Map<string, MadeImage>();
  const imageOf = (repository: string): MadeImage => {
    const image = images.get(repository);
    if (image === undefined) throw new Error(`${repository} was never made`);
    return image;
  };
  const counted = () => countedAt(waybill.metricsUrl);
  const eight = Array.from({ length: 8 }, (_, index) => `team/many-${index}`);

  beforeAll(async () => {
    if (programs.length === 0) return;
    waybill = await startWaybill();
    made = await startMadeRegistry();
    const add = (repository: string, ...layers: Parameters<MadeRegistry["add"]>[2]) =>
      images.set(repository, made.add(repository, "v1", layers, { index: true }));
    for (const [index, repository] of eight.entries()) {
      add(repository, shared, runtime, { seed: 10 + index, bytes: 2 * MiB });
    }
    add("team/unpack", { seed: 30, bytes: 4 * MiB, files: 16_000 });
    for (const [index, name] of ["limited", "altered", "cut", "full"].entries()) {
      add(`team/${name}`, { seed: 40 + 2 * index, bytes: 6 * MiB }, { seed: 41 + 2 * index, bytes: 3 * MiB });
    }
    for (const [index, name] of ["aborted", "daemon", "agent", "twice"].entries()) {
      add(`team/${name}`, { seed: 60 + 2 * index, bytes: 9 * MiB }, { seed: 61 + 2 * index, bytes: 5 * MiB });
    }
    made.add("team/twice", "v2", [
      { seed: 66, bytes: 9 * MiB },
      { seed: 67, bytes: 5 * MiB },
    ]);
    docker = from === "docker-registry" ? await startDockerRegistry() : undefined;
    registry = docker?.url ?? waybill.url;
    await made.pushTo(registry);
    events = await readEvents(
      waybill.url,
      ((await (await fetch(`${waybill.url}/api/v1/pulls`)).json()) as { lastEventId: string }).lastEventId,
    );
  });

  afterAll(async () => {
    await events?.disconnect();
    await docker?.close();
    await made?.close();
    await waybill?.close();
  });

  describe.skipIf(programs.length === 0).each(programs)(
    `a node with containerd $release that pulls from ${from}`,
    (program) => {
      let node: PullNode;
      let before: Counted;

      beforeAll(async () => {
        before = await counted();
        node = await startPullNode({
          name: `node-${program.release}`,
          program,
          server: waybill,
          registry,
          bytesPerSecond: 4 * MiB,
        });
      });
      afterAll(() => node?.[Symbol.asyncDispose]());

      it("tells eight images at once, with two layers that all of them share, as eight pulls", async () => {
        // Slow until all of them download: however long eight clients need to start.
        node.proxy.setRate(MiB / 2);
        const pulls = eight.map((repository) => node.pull(imageOf(repository)));
        await until("eight downloads at once", () =>
          node.looks.some(({ pulls: now }) => now.filter(({ phase }) => phase === "downloading").length === 8)
            ? true
            : undefined,
        );
        node.proxy.setRate(12 * MiB);
        for (const { code, output } of await Promise.all(pulls.map((pull) => pull.finished)))
          expect([code, output]).toEqual([0, output]);
        for (const repository of eight) {
          const row = await node.untilRow(repository, ({ phase }) => phase === "done");
          expect(row.imageRef).toBe(`${node.proxy.address}/${imageOf(repository).reference}`);
        }
        // Seven of eight wait for each shared layer, and are told so; its bytes came once.
        const waits = node.looks.flatMap(({ pulls: now }) =>
          now.flatMap(({ layers }) => layers.filter((layer) => layer.waitsFor !== undefined)),
        );
        expect(waits.length).toBeGreaterThan(0);
        const sizes = new Map(
          eight.flatMap((one) => imageOf(one).layers.map(({ digest, size }) => [digest, size] as const)),
        );
        const total = [...sizes.values()].reduce((sum, size) => sum + size, 0);
        await until("the metrics of eight pulls", async () => {
          const now = await counted();
          return now.bytes - before.bytes === total && now.active === 0 ? true : undefined;
        });
        expect(await counted()).toMatchObject({
          pulls: before.pulls + 8,
          errors: before.errors,
          bytes: before.bytes + total,
        });
        // The unit of the last writer's bytes is the wire's: containerd asked for each layer once.
        for (const [digest, size] of sizes) expect(node.proxy.bytesOf(digest)).toBe(size);
      });

      it("tells the same image by two tags, by digest and in two namespaces as pulls of their own", async () => {
        // Slow until all four are there: what the first has fetched is no download for the last.
        node.proxy.setRate(MiB / 2);
        const image = imageOf("team/twice");
        const pulls = [
          node.pull(image),
          node.pull(image, { tag: "v2" }),
          node.pull(image, { byDigest: true }),
          node.pull(image, { namespace: "other" }),
        ];
        await until("four pulls at once", async () => {
          const now = await node.rows("team/twice");
          return now.filter(({ completedAt }) => completedAt === undefined).length === 4 ? true : undefined;
        });
        node.proxy.setRate(16 * MiB);
        for (const pull of pulls) expect((await pull.finished).code).toBe(0);
        const rows = await until("the ends of four pulls", async () => {
          const now = await node.rows("team/twice");
          return now.length >= 4 && now.every(({ phase }) => phase === "done") ? now : undefined;
        });
        const name = (row: PullStatus) => row.imageRef.slice(row.imageRef.indexOf("/") + 1);
        const named = (namespace: string) =>
          rows
            .filter((row) => row.containerdNamespace === namespace)
            .map(name)
            .toSorted();
        expect(named("other")).toEqual(["team/twice:v1"]);
        // Nothing in containerd says which of two pulls of one image at one moment was asked for by digest: both have its tag.
        const sameImage = named("default").filter((one) => one !== "team/twice:v2");
        expect(sameImage).toHaveLength(2);
        for (const one of sameImage) expect([`team/twice:v1`, `team/twice@${image.rootDigest}`]).toContain(one);
        expect(new Set(rows.map(({ id }) => id)).size).toBe(4);
      });

      describe("side by side", { concurrent: true }, () => {
        beforeAll(() => node.proxy.setRate(16 * MiB));

        it("tells unpacking as such when it takes long, after the last byte", async () => {
          expect((await node.pull(imageOf("team/unpack")).finished).code).toBe(0);
          await node.untilRow("team/unpack", ({ phase }) => phase === "done");
          const phases = await until("a look at its end", () => {
            const seen = steps(rowsIn(node, "team/unpack").map(({ phase }) => phase));
            return seen.at(-1) === "done" ? seen : undefined;
          });
          expect(phases.slice(-2)).toEqual(["unpacking", "done"]);
        });

        it("fails a pull that the registry limits (429) and one whose bytes were changed, and ends one whose connection was cut", async () => {
          const cut = new Set<string>();
          const cutOnce = (repository: string): Fault | undefined => {
            if (cut.has(repository)) return undefined;
            cut.add(repository);
            return { kind: "cut", afterBytes: 3 * MiB, end: true };
          };
          const limit: Fault = { kind: "answer", status: 429, headers: { "retry-after": "30" }, body: "slow down" };
          const faults: Record<string, () => Fault | undefined> = {
            // The limit is reached in the middle: the download is taken up again, and refused.
            "team/limited": () => cutOnce("team/limited") ?? limit,
            "team/altered": () => ({ kind: "alter" }),
            "team/cut": () => cutOnce("team/cut"),
          };
          node.proxy.setFault(({ kind, repository, reference }) => {
            const large = kind === "blobs" && images.get(repository)?.layers[0]?.digest === reference;
            return large ? faults[repository]?.() : undefined;
          });
          const [limited, altered, whole] = await Promise.all(
            ["team/limited", "team/altered", "team/cut"].map((one) => node.pull(imageOf(one)).finished),
          );
          node.proxy.setFault(() => undefined);
          expect([limited?.code === 0, altered?.code === 0, whole?.code]).toEqual([false, false, 0]);
          await node.untilRow("team/cut", ({ phase }) => phase === "done");
          for (const repository of ["team/limited", "team/altered"]) {
            const row = await node.untilRow(repository, ({ phase }) => phase === "failed");
            expect(row.error).toMatch(/given up/);
            expect(row.attempts).toBe(1);
          }
          // Half of it came once, the rest by a second request that began there: one pull that never fell back.
          expect(
            node.proxy.transfers.some((one) => one.reference === imageOf("team/cut").layers[0]?.digest && one.from > 0),
          ).toBe(true);
          const percents = rowsIn(node, "team/cut").map(({ percent }) => percent);
          expect(percents).toEqual(percents.toSorted((one, other) => one - other));
        });
      });

      it("keeps id and start of a pull whose agent is killed, and fails one whose containerd is killed", async () => {
        node.proxy.setRate(2 * MiB);
        const first = node.pull(imageOf("team/agent"));
        const running = await node.untilRow("team/agent", ({ downloadedBytes }) => downloadedBytes > 2 * MiB);
        await node.agent.kill("SIGKILL");
        await node.agent.restart();
        node.proxy.setRate(20 * MiB);
        expect((await first.finished).code).toBe(0);
        const done = await node.untilRow("team/agent", ({ phase }) => phase === "done");
        expect(done).toMatchObject({ id: running.id, startedAt: running.startedAt });

        node.proxy.setRate(2 * MiB);
        const second = node.pull(imageOf("team/daemon"));
        await node.untilRow("team/daemon", ({ downloadedBytes }) => downloadedBytes > 2 * MiB);
        await node.containerd.stop("SIGKILL");
        await second.finished;
        // Its socket is gone for a while: the agent goes on reporting and takes it up again.
        await sleep(1_500);
        await node.containerd.start();
        const broken = await node.untilRow("team/daemon", ({ completedAt }) => completedAt !== undefined);
        expect(broken).toMatchObject({
          phase: "failed",
          error: expect.stringContaining("containerd was restarted") as string,
        });
        node.proxy.setRate(20 * MiB);
        expect((await node.pull(imageOf("team/daemon")).finished).code).toBe(0);
        const again = await node.untilRow("team/daemon", ({ phase }) => phase === "done");
        expect(again.id).not.toBe(broken.id);
        expect(again.attempts).toBe(1);
      });

      describe("side by side on two nodes", { concurrent: true }, () => {
        beforeAll(() => node.proxy.setRate(2 * MiB));

        it("tells a pull that its client gave up as cancelled", async () => {
          const pull = node.pull(imageOf("team/aborted"));
          await node.untilRow("team/aborted", ({ downloadedBytes }) => downloadedBytes > 2 * MiB);
          pull.abort("SIGKILL");
          await pull.finished;
          const row = await node.untilRow("team/aborted", ({ completedAt }) => completedAt !== undefined);
          expect(row).toMatchObject({ phase: "cancelled", error: expect.stringContaining("went away") as string });
        });

        it("fails a pull that the disk has no room for", async () => {
          await using small = await startPullNode({
            name: `small-${program.release}`,
            program,
            server: waybill,
            registry,
            bytesPerSecond: 4 * MiB,
            rootLimitBytes: 8 * MiB,
          });
          const { code, output } = await small.pull(imageOf("team/full")).finished;
          expect([code === 0, output]).toEqual([false, expect.stringContaining("no space left on device")]);
          const row = await small.untilRow("team/full", ({ completedAt }) => completedAt !== undefined);
          expect(row.phase).toBe("failed");
        });
      });

      it("was told right at each look: whose layers, how many bytes, which phase", async () => {
        await until("a look at the last end", () =>
          node.looks.at(-1)?.pulls.some(({ phase }) => phase === "cancelled") === true ? true : undefined,
        );
        const rows = node.looks.flatMap(({ pulls }) => pulls);
        expect(node.looks.length).toBeGreaterThan(30);
        const phases = new Set(rows.map(({ phase }) => phase));
        for (const phase of ["downloading", "unpacking", "done", "failed", "cancelled"] as const) {
          expect(phases).toContain(phase);
        }
        const truthOf = (row: PullStatus) => {
          const repository = repositoryOf(row);
          return { repository, image: imageOf(repository), oneDownload: !askedAnew.has(repository) };
        };
        expect(untruths(node.looks, truthOf)).toEqual([]);
      });

      it("had one beginning and one end for each pull, and metrics that say the same", async () => {
        const endings = () =>
          events.received.filter(
            ({ event }) => event.nodeName === node.name && /^pull\.(?:completed|failed)$/.test(event.type),
          );
        // An event is on its way for a moment when its pull is over on the server already.
        const over = new Set(node.looks.at(-1)?.pulls.map(({ id }) => id));
        await until("the events of all that is over", () =>
          new Set(endings().map(({ event }) => event.pull?.id)).size >= over.size ? true : undefined,
        );
        const own = events.received.filter(({ event }) => event.nodeName === node.name && event.pull !== undefined);
        const ids = new Set(own.map(({ event }) => event.pull?.id));
        for (const id of ids) {
          const types = own.filter(({ event }) => event.pull?.id === id).map(({ event }) => event.type);
          const ends = types.filter((type) => type === "pull.completed" || type === "pull.failed");
          expect([types[0], types.filter((type) => type === "pull.started").length, ends.length, types.at(-1)]).toEqual(
            ["pull.started", 1, 1, ends[0]],
          );
        }
        const all = events.received.filter(({ event }) => event.nodeName.endsWith(program.release));
        const count = (type: string) => all.filter(({ event }) => event.type === type).length;
        const now = await counted();
        const failed = all.filter(({ event }) => event.type === "pull.failed").map(({ event }) => event.pull);
        const reasons = failed.map((pull) => [pull === undefined ? "" : repositoryOf(pull), pull?.phase, pull?.error]);
        const told = expect.any(String) as string;
        expect(reasons.toSorted((one, other) => String(one[0]).localeCompare(String(other[0])))).toEqual([
          ["team/aborted", "cancelled", told],
          ["team/altered", "failed", told],
          ["team/daemon", "failed", told],
          ["team/full", "failed", told],
          ["team/limited", "failed", told],
        ]);
        expect(now).toMatchObject({
          active: 0,
          pulls: before.pulls + count("pull.started"),
          completed: before.completed + count("pull.completed"),
          errors: before.errors + 5,
        });
      });
    },
  );
}

/** Their blobs were asked for anew after an end or for another namespace, or came altered. */
const askedAnew = new Set(["team/limited", "team/altered", "team/daemon", "team/twice"]);

function rowsIn(node: PullNode, repository: string): PullStatus[] {
  return node.looks.flatMap(({ pulls }) => pulls.filter((row) => repositoryOf(row) === repository));
}

function repositoryOf(row: PullStatus): string {
  return /\/(team\/[a-z0-9-]+)[:@]/.exec(row.imageRef)?.[1] ?? "";
}

function steps<T>(values: readonly T[]): T[] {
  return values.filter((value, index) => index === 0 || value !== values[index - 1]);
}

interface Counted {
  readonly active: number;
  readonly pulls: number;
  readonly completed: number;
  readonly errors: number;
  readonly bytes: number;
}

async function countedAt(metricsUrl: string): Promise<Counted> {
  const text = await (await fetch(metricsUrl)).text();
  const value = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1]);
  return {
    active: value("pulltrace_pulls_active"),
    pulls: value("pulltrace_pulls_total"),
    completed: value("pulltrace_pull_duration_seconds_count"),
    errors: value("pulltrace_pull_errors_total"),
    bytes: value("pulltrace_pull_bytes_total"),
  };
}
