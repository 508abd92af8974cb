import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pullEventTypes, type PullEvent, type PullStatus } from "@waybill/pulltrace/contract";
import type { SampleImage } from "@waybill/waybill/sample";
import { readEvents, type EventReader } from "./harness/event-reader.ts";
import { setStage, type Stage } from "./harness/stage.ts";
import { until } from "./harness/until.ts";

/**
 * The walking skeleton, whole: skopeo pushes into our store, a real containerd pulls two images at once from it through
 * a slow link, and what the server says of it is held, at each second, against what is in the images.
 */

const mebibyte = 1024 * 1024;
const layer = (seed: string, mebibytes: number): { seed: string; sizeBytes: number } => ({
  seed,
  sizeBytes: mebibytes * mebibyte,
});

/** One look at the server. */
type Look = ReadonlyMap<string, PullStatus>;

let stage: Stage;
let events: EventReader;
let first: SampleImage;
let second: SampleImage;
const looks: Look[] = [];
const digestsOf = (image: SampleImage): string[] => image.layers.map(({ digest }) => digest);
const statusesOf = (image: SampleImage): PullStatus[] => looks.flatMap((look) => look.get(image.manifest.digest) ?? []);
const sharedDigest = (): string =>
  digestsOf(first).find((digest) => digestsOf(second).includes(digest) && digest !== digestsOf(first)[0]) ?? "";

beforeAll(async () => {
  stage = await setStage({ tenants: ["team-a", "team-b"], bytesPerSecond: 400 * mebibyte });
  const base = layer("base", 8);
  const baseImage = await stage.publish("team-a/base", [base]);
  await stage.containerd.pull(stage.referenceOf(baseImage)).finished;
  first = await stage.publish("team-a/web", [
    base,
    layer("runtime", 60),
    layer("a1", 50),
    layer("a2", 50),
    layer("a3", 50),
  ]);
  second = await stage.publish("team-b/worker", [
    base,
    layer("runtime", 60),
    layer("b1", 16),
    layer("b2", 12),
    layer("b3", 4),
  ]);

  stage.link.setRate(16 * mebibyte);
  events = await readEvents(stage.waybill.url, (await stage.pulls()).lastEventId);
  const pulls = [first, second].map((image) => stage.containerd.pull(stage.referenceOf(image)));
  const over = new AbortController();
  const watched = (async () => {
    while (!over.signal.aborted) {
      const list = await stage.pulls();
      looks.push(new Map(list.pulls.map((pull) => [pull.manifestDigest ?? "", pull])));
      await sleep(250);
    }
  })();
  // A reader that loses its connection in the middle, for as long as some events.
  await until("a half-done download", async () => ((await stage.row(first))?.percent ?? 0) > 30 || undefined);
  await events.disconnect();
  await sleep(3000);
  await events.connect();
  const outcomes = await Promise.all(pulls.map((pull) => pull.finished));
  for (const { code, output } of outcomes) if (code !== 0) throw new Error(output);
  for (const image of [first, second]) {
    await until("the end of the pull", async () => ((await stage.row(image))?.phase === "done" ? true : undefined));
  }
  await sleep(1000);
  over.abort();
  await watched;
});

afterAll(async () => {
  await events?.disconnect();
  await stage?.[Symbol.asyncDispose]();
});

describe("two images pulled at once from our store by a real containerd", () => {
  it("are large enough for the promise: at least 200 MiB in at least 5 layers", () => {
    expect(first.layers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)).toBeGreaterThanOrEqual(200 * mebibyte);
    expect(first.layers.length).toBeGreaterThanOrEqual(5);
  });

  it("are two rows, each under its own name and tenant, in every look at the server", () => {
    const both = looks.filter((look) => look.has(first.manifest.digest) && look.has(second.manifest.digest));
    expect(both.length).toBeGreaterThan(10);
    for (const status of statusesOf(first)) {
      expect(status.imageRef).toContain("/team-a/web");
      expect(status.tenant).toBe("team-a");
    }
    for (const status of statusesOf(second)) {
      expect(status.imageRef).toContain("/team-b/worker");
      expect(status.tenant).toBe("team-b");
    }
    expect(statusesOf(first).at(-1)?.imageRef).toBe(stage.referenceOf(first));
  });

  it("show exactly the layers of their own manifest, in its order, from the first look on", () => {
    for (const image of [first, second]) {
      for (const status of statusesOf(image)) {
        expect(status.layers.map(({ digest }) => digest)).toEqual(digestsOf(image));
        expect(status.layers.map(({ mediaType }) => mediaType)).toEqual(image.layers.map(({ mediaType }) => mediaType));
        expect(status.layers.map(({ totalBytes }) => totalBytes)).toEqual(
          image.layers.map(({ sizeBytes }) => sizeBytes),
        );
      }
    }
  });

  it("know their total before the first layer byte", () => {
    for (const image of [first, second]) {
      const total = image.layers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
      for (const status of statusesOf(image)) {
        expect(status.totalKnown).toBe(true);
        expect(status.totalBytes).toBe(total);
      }
    }
  });

  it("count a layer that both need in both rows, with the same bytes", () => {
    const digest = sharedDigest();
    const running = looks.flatMap((look) => {
      const a = look.get(first.manifest.digest)?.layers.find((l) => l.digest === digest);
      const b = look.get(second.manifest.digest)?.layers.find((l) => l.digest === digest);
      return a !== undefined && b !== undefined ? [[a, b] as const] : [];
    });
    expect(running.some(([a]) => a.downloadedBytes > 0 && a.percent < 100)).toBe(true);
    for (const [a, b] of running) expect(b.downloadedBytes).toBe(a.downloadedBytes);
  });

  it("mark the layer that was on the node before as cached, and no other", () => {
    for (const image of [first, second]) {
      for (const status of statusesOf(image))
        expect(status.layers.map(({ cached }) => cached)).toEqual([true, false, false, false, false]);
      expect(statusesOf(image).at(-1)?.cachedBytes).toBe(image.layers[0]?.sizeBytes);
    }
  });

  it("never fall back, and reach 100 % at the end and not before", () => {
    for (const image of [first, second]) {
      const statuses = statusesOf(image);
      let before = 0;
      for (const { percent, phase, bytesPerSec, etaSeconds } of statuses) {
        expect(percent).toBeGreaterThanOrEqual(before);
        expect(percent === 100).toBe(phase === "done");
        expect(bytesPerSec).toBeGreaterThanOrEqual(0);
        expect(etaSeconds).toBeGreaterThanOrEqual(-1);
        before = percent;
      }
      expect(statuses.at(-1)?.percent).toBe(100);
      expect(new Set(statuses.map(({ phase }) => phase))).toContain("downloading");
    }
  });

  it("are told event by event: each validates, none is missing or doubled although the reader was cut off", async () => {
    const schema = JSON.parse(
      await readFile(new URL("../../docs/schemas/pull-event-v1.json", import.meta.url), "utf8"),
    ) as object;
    const validate = new Ajv2020({ allErrors: true, strict: false, validateFormats: false }).compile<PullEvent>(schema);
    const refused = events.received
      .filter(({ event }) => !validate(event))
      .map(({ event }) => ({ event, errors: validate.errors }));
    expect(refused).toEqual([]);

    expect(events.resets()).toBe(0);
    const numbers = events.received.map(({ id }) => Number(id.split("-").at(-1)));
    expect(numbers).toEqual(numbers.map((_, index) => (numbers[0] ?? 0) + index));

    const types = new Set(events.received.map(({ event }) => event.type));
    expect([...types].sort()).toEqual(pullEventTypes.filter((type) => type !== "pull.failed").sort());
    for (const image of [first, second]) {
      const own = events.received
        .filter(({ event }) => event.pull?.manifestDigest === image.manifest.digest)
        .map(({ event }) => event.type);
      expect(own.filter((type) => type === "pull.started")).toHaveLength(1);
      expect(own.filter((type) => type === "pull.completed")).toHaveLength(1);
      expect(own.at(-1)).toBe("pull.completed");
    }
  });

  it("are counted in the metrics", async () => {
    await expect.poll(() => stage.metric("pulltrace_pulls_active")).toBe(0);
    await expect.poll(() => stage.metric("pulltrace_agents_connected")).toBe(1);
    expect(await stage.metric("pulltrace_agent_reports_total")).toBeGreaterThan(10);
  });
});

describe("a pull that its client gives up", () => {
  it("ends as pull.failed, with a sentence that says so", async () => {
    stage.link.setRate(2 * mebibyte);
    const image = await stage.publish("team-a/aborted", [layer("aborted", 64)]);
    const pull = stage.containerd.pull(stage.referenceOf(image));
    await until(
      "some bytes of the download",
      async () => ((await stage.row(image))?.downloadedBytes ?? 0) > mebibyte || undefined,
    );
    pull.abort("SIGINT");
    await pull.finished;
    const failed = await until("pull.failed", () =>
      events.received.find(
        ({ event }) => event.type === "pull.failed" && event.pull?.manifestDigest === image.manifest.digest,
      ),
    );
    expect(failed.event.pull?.phase).toMatch(/failed|cancelled/);
    expect(failed.event.pull?.error).toMatch(/\w+ \w+/);
    expect(failed.event.pull?.percent).toBeLessThan(100);
    await expect.poll(() => stage.metric("pulltrace_pull_errors_total")).toBe(1);
  });
});
