import { describe, expect, it } from "vitest";
import { isOnNode } from "./state.ts";
import { keptMoments } from "../testing/moments.ts";
import { historyOf, steps, told } from "../testing/play.ts";
import { emptyState } from "./index.ts";

const scenes = [
  "two-at-once",
  "cached",
  "client-killed",
  "link-cut",
  "containerd-killed",
  "slow-link",
  "two-at-once-2.2",
  "cached-2.2",
  "client-killed-2.2",
  "link-cut-2.2",
  "containerd-killed-2.2",
];
const sizeOf = (bytes: number) => Math.round(bytes / (1024 * 1024));

describe("seen on a real containerd 1.6.20 and 2.2.9, whatever happens", () => {
  it.each(scenes)("%s: totals and media types are known whenever layers are told", async (scene) => {
    const reports = told(await keptMoments(scene));
    const pulls = reports.flatMap((report) => report.pulls).filter((pull) => pull.layers.length > 0);
    expect(pulls.length).toBeGreaterThan(0);
    for (const pull of pulls) {
      expect(pull.totalKnown).toBe(true);
      for (const layer of pull.layers) {
        expect(layer.totalBytes).toBeGreaterThan(0);
        expect(layer.mediaType).toBe("application/vnd.oci.image.layer.v1.tar+gzip");
      }
    }
  });

  it.each(scenes)("%s: bytes of a layer never exceed its total and never fall within a pull", async (scene) => {
    const highest = new Map<string, number>();
    for (const report of told(await keptMoments(scene))) {
      for (const pull of report.pulls) {
        for (const layer of pull.layers) {
          const key = `${pull.id} ${layer.digest}`;
          expect(layer.downloadedBytes).toBeLessThanOrEqual(layer.totalBytes);
          expect(layer.downloadedBytes).toBeGreaterThanOrEqual(highest.get(key) ?? 0);
          highest.set(key, layer.downloadedBytes);
        }
      }
    }
  });

  it.each(scenes)("%s: each pull ends once, and its end stays as it was told", async (scene) => {
    const ends = new Map<string, string>();
    for (const report of told(await keptMoments(scene))) {
      for (const pull of report.pulls) {
        const before = ends.get(pull.id ?? "");
        const now = JSON.stringify([pull.phase, pull.completedAt, pull.error]);
        expect(before ?? now).toBe(now);
        if (pull.completedAt !== undefined) ends.set(pull.id ?? "", now);
      }
    }
    expect(ends.size).toBeGreaterThan(0);
  });

  it.each(scenes)("%s: a pull is done exactly when all its layers are on the node", async (scene) => {
    for (const report of told(await keptMoments(scene))) {
      for (const pull of report.pulls.filter((one) => one.phase === "done")) {
        expect(pull.layers.every((layer) => layer.phase === "done" || layer.phase === "cached")).toBe(true);
        expect(pull.layers.every((layer) => layer.downloadedBytes === layer.totalBytes)).toBe(true);
      }
    }
  });

  it.each(scenes)("%s: the same moments give the same answer", async (scene) => {
    const moments = await keptMoments(scene);
    expect(told(moments)).toEqual(told(moments));
  });

  it.each(scenes)(
    "%s: an agent that starts anew at any look tells the same ids, images and start times",
    async (scene) => {
      const moments = await keptMoments(scene);
      const whole = told(moments);
      const looks = moments.flatMap((moment, index) => (moment.kind === "look" ? [index] : []));
      for (const [look, index] of looks.entries()) {
        // Also those that are over: the server remembers their end and takes it from no later report of the same id.
        const known = whole[look]?.pulls ?? [];
        const anew = told(moments.slice(index), emptyState)[0]?.pulls ?? [];
        for (const pull of anew) {
          const same = known.find((one) => one.id === pull.id);
          expect(same, `${pull.imageRef} at look ${look}`).toBeDefined();
          expect(pull).toMatchObject({ imageRef: same?.imageRef, startedAt: same?.startedAt });
          const lasting = (one: typeof pull | undefined) =>
            one?.layers.map((layer) => [layer.digest, layer.totalBytes, layer.cached]);
          expect(lasting(pull)).toEqual(lasting(same));
        }
      }
    },
  );
});

describe("two images at once", () => {
  it("are two pulls, each with its own layers in the order of its manifest", async () => {
    const reports = told(await keptMoments("two-at-once"));
    const both = reports.filter((report) => report.pulls.length === 2);
    expect(both.length).toBeGreaterThan(2);
    for (const { pulls } of both) {
      const [a, b] = ["team/a", "team/b"].map((name) => pulls.find((pull) => pull.imageRef.includes(name)));
      expect(a?.layers.map((layer) => sizeOf(layer.totalBytes))).toEqual([6, 8, 3]);
      expect(b?.layers.map((layer) => sizeOf(layer.totalBytes))).toEqual([6, 5]);
      expect(a?.layers[0]?.digest).toBe(b?.layers[0]?.digest);
      expect(a?.id).not.toBe(b?.id);
    }
  });

  it("a shared layer counts for both, and is cached for neither", async () => {
    const reports = told(await keptMoments("two-at-once"));
    const running = reports.filter(
      (report) => report.pulls.length === 2 && report.pulls.every((one) => one.phase === "downloading"),
    );
    expect(running.length).toBeGreaterThan(0);
    for (const { pulls } of running) {
      const [first, second] = pulls.map((pull) => pull.layers[0]);
      expect(first?.downloadedBytes).toBe(second?.downloadedBytes);
      expect([first?.cached, second?.cached]).toEqual([false, false]);
    }
    expect(running.some(({ pulls }) => (pulls[1]?.layers[0]?.downloadedBytes ?? 0) > 0)).toBe(true);
  });

  it("are told by repository and digest until the record exists, then by tag, under the same id", async () => {
    const history = historyOf(told(await keptMoments("two-at-once")), "team/a");
    const names = steps(
      history.map((pull) => pull.imageRef.replace(/:\d+\//, ":PORT/").replace(/[0-9a-f]{64}/, "DIGEST")),
    );
    expect(names).toEqual(["127.0.0.1/team/a@sha256:DIGEST", "127.0.0.1:PORT/team/a:v1"]);
    expect(new Set(history.map((pull) => pull.id)).size).toBe(1);
  });

  it("end done", async () => {
    const last = told(await keptMoments("two-at-once")).at(-1)?.pulls ?? [];
    expect(last.map((pull) => [pull.phase, pull.error])).toEqual([
      ["done", undefined],
      ["done", undefined],
    ]);
  });
});

describe("layers that were on the node", () => {
  it("are cached from the first look, and nothing else is", async () => {
    const history = historyOf(told(await keptMoments("cached")), "team/b");
    expect(history.length).toBeGreaterThan(1);
    for (const pull of history) {
      expect(pull.layers.map((layer) => [layer.cached, layer.phase === "cached"])).toEqual([
        [true, true],
        [false, false],
      ]);
    }
  });

  it("a pull that finds everything there is no news", async () => {
    const reports = told(await keptMoments("cached"));
    const ids = new Set(
      reports.flatMap((report) => report.pulls.filter((one) => one.imageRef.includes("team/a")).map((one) => one.id)),
    );
    expect(ids.size).toBe(1);
  });

  it("the port of a host is known from other images of the node", async () => {
    const first = historyOf(told(await keptMoments("cached")), "team/b")[0];
    expect(first?.imageRef).toMatch(/^127\.0\.0\.1:\d+\/team\/b@sha256:/);
  });
});

describe("a pull that breaks off", () => {
  it("whose client is killed is cancelled within seven seconds, and pulled again it is a pull of its own", async () => {
    const reports = told(await keptMoments("client-killed"));
    const history = historyOf(reports, "team/a");
    const first = history.filter((pull) => pull.id === history[0]?.id);
    expect(steps(first.map((pull) => pull.phase))).toEqual(["downloading", "cancelled"]);
    const cancelled = first.find((pull) => pull.phase === "cancelled");
    expect(cancelled?.error).toMatch(/^The client that pulled this image went away after \d+\.\d of 17\.0 MiB/);
    const ofFirst = (report: (typeof reports)[number] | undefined) =>
      report?.pulls.find((pull) => pull.id === history[0]?.id);
    const lastByte = reports.findLast((report, index) => bytes(ofFirst(report)) !== bytes(ofFirst(reports[index - 1])));
    expect(Date.parse(cancelled?.completedAt ?? "") - (lastByte?.at ?? 0)).toBeLessThanOrEqual(7_000);
    const second = history.filter((pull) => pull.id !== history[0]?.id);
    expect(steps(second.map((pull) => pull.phase)).at(-1)).toBe("done");
    expect(second.every((pull) => pull.phase !== "cancelled" && pull.phase !== "failed")).toBe(true);
  });

  it("because the link was cut is failed at the next look", async () => {
    const history = historyOf(told(await keptMoments("link-cut")), "team/a");
    expect(steps(history.map((pull) => pull.phase))).toEqual(["downloading", "failed"]);
    expect(history.at(-1)?.error).toMatch(
      /^The pull was given up after \d+\.\d of 17\.0 MiB \(\d of 3 layers on the node\)/,
    );
    expect(
      history
        .at(-1)
        ?.layers.filter((layer) => !isOnNode(layer.phase ?? "waiting"))
        .every((layer) => layer.phase === "failed"),
    ).toBe(true);
  });

  it("because containerd was killed is failed and says so", async () => {
    const history = historyOf(told(await keptMoments("containerd-killed")), "team/a");
    expect(steps(history.map((pull) => pull.phase))).toEqual(["downloading", "failed"]);
    expect(history.at(-1)?.error).toMatch(/^containerd was restarted after/);
  });

  it("left over from before the agent's start is never shown", async () => {
    const moments = await keptMoments("client-killed");
    const dead = moments.findIndex((moment) => {
      const state = told(moments.slice(0, moments.indexOf(moment) + 1)).at(-1);
      return state?.pulls.some((pull) => pull.phase === "cancelled") === true;
    });
    // Two minutes later an agent sees the same left-over for the first time.
    const late = moments
      .slice(dead, dead + 4)
      .flatMap((moment) =>
        moment.kind === "look"
          ? [{ ...moment, observation: { ...moment.observation, at: moment.observation.at + 120_000 } }]
          : [],
      );
    expect(late.length).toBeGreaterThan(0);
    expect(told(late).flatMap((report) => report.pulls)).toEqual([]);
  });
});

describe("a slow link that still moves", () => {
  it("is never taken for dead, though a minute passes with a few steps of one MiB", async () => {
    const history = historyOf(told(await keptMoments("slow-link")), "team/b");
    const phases = steps(history.map((pull) => pull.phase));
    expect(phases.filter((phase) => phase !== "unpacking")).toEqual(["downloading", "done"]);
    const pauses = steps(history.map(bytes));
    expect(history.length).toBeGreaterThan(pauses.length * 3);
  });
});

function bytes(pull: { readonly layers: readonly { readonly downloadedBytes: number }[] } | undefined): number {
  return (pull?.layers ?? []).reduce((sum, layer) => sum + layer.downloadedBytes, 0);
}
