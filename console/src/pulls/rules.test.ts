import type { PullStatus } from "@waybill/pulltrace/contract";
import { array, assert, double, property, tuple } from "fast-check";
import { describe, expect, it } from "vitest";
import type { PullEntry } from "../live/index.ts";
import { busyPulls, rollOutPulls, sampleNodes } from "../testing/index.ts";
import { arrange, createArranger, emptyArrangement } from "./arrangement.ts";
import { filterChoices, filterEntries, isFiltering, readSearch, toggleGroups, withoutFilter } from "./filter.ts";
import { byUrgency, groupByImage, groupsWith, rollOutOf } from "./grouping.ts";
import { segmentsOf } from "./segments.ts";
import { createWaitsReader, idleWords, summarize, waitsOf } from "./summary.ts";
import { holderOf, layerHolders, layerWaitWords, runningByNode, timeLeft } from "./time-left.ts";
import { timelineOf } from "./timeline.ts";

const now = Date.parse("2026-11-21T10:00:00Z");
const pulls = busyPulls(now);
const entry = (pull: PullStatus): PullEntry => ({
  pull,
  speeds: [],
  startedMs: Date.parse(pull.startedAt),
  ...(pull.completedAt === undefined ? {} : { completedMs: Date.parse(pull.completedAt) }),
});
const entries = pulls.map(entry);
const byId = (id: string): PullStatus => pulls.find((pull) => pull.id === id)!;

describe("the order of the rows", () => {
  it("newest running first, then the finished, last finished first; a fresh failure stays above", () => {
    const { rows, running } = arrange(entries, now, emptyArrangement, false);
    expect(rows.slice(0, running)).toEqual(["p06", "p07", "p08", "p05", "p02", "p04", "p01", "p03", "p09"]);
    expect(rows.slice(running)).toEqual(["p10", "p11", "p12"]);
  });

  it("progress moves no row", () => {
    const before = arrange(entries, now, emptyArrangement, false);
    const faster = pulls.map((pull) => entry({ ...pull, percent: 99, bytesPerSec: 1, pods: [] }));
    expect(arrange(faster.toReversed(), now + 1000, before, false)).toEqual(before);
  });

  it("a pull that just ended keeps its place for a moment, then sinks", () => {
    const done = entries.map((one) =>
      one.pull.id === "p06" ? entry({ ...one.pull, phase: "done", completedAt: new Date(now).toISOString() }) : one,
    );
    expect(arrange(done, now + 4000, emptyArrangement, false).rows[0]).toBe("p06");
    const later = arrange(done, now + 6000, emptyArrangement, false);
    expect(later.rows.indexOf("p06")).toBe(later.running);
  });

  it("while it is held nothing moves, what is gone leaves, and what is new is counted", () => {
    const arranger = createArranger();
    const before = arranger(entries.slice(1), now, "", false);
    const rest = entries.filter((one) => one.pull.id !== "p07");
    const held = arranger(rest, now + 120_000, "", true);
    expect(held.rows).toEqual(before.rows.filter((id) => id !== "p07"));
    expect(held.held).toBe(1);
    expect(arranger(rest, now + 120_000, "", false).rows).toContain("p01");
  });

  it("another filter is a new order even while held", () => {
    const arranger = createArranger();
    arranger(entries, now, "a", false);
    expect(arranger(entries.slice(0, 2), now, "b", true).rows).toHaveLength(2);
  });
});

describe("the filter", () => {
  const ids = (filter: Parameters<typeof filterEntries>[1]): string[] =>
    filterEntries(entries, filter).map((one) => one.pull.id);

  it("all words must occur: in image, node, tenant, pod, digest or error", () => {
    expect(ids({ q: "CHECKOUT worker-01" })).toEqual(["p02", "p10"]);
    expect(ids({ q: "lena" })).toEqual(["p04"]);
    expect(ids({ q: "too many" })).toEqual(["p09"]);
    expect(ids({ q: byId("p03").manifestDigest!.slice(7, 20) })).toEqual(["p03"]);
    expect(ids({ q: "  " })).toHaveLength(12);
  });

  it("node, tenant, namespace and phase narrow it together", () => {
    expect(ids({ node: "worker-04" })).toEqual(["p04", "p05"]);
    expect(ids({ tenant: "search", phase: "failed" })).toEqual(["p09"]);
    expect(ids({ namespace: "payments" })).toEqual(["p01"]);
    expect(ids({ phase: "active" })).toHaveLength(8);
  });

  it("a URL gives what makes sense and drops the rest", () => {
    expect(readSearch({ q: "a", phase: "sleeping", node: 5, kiosk: "" })).toEqual({ q: "a", kiosk: true });
    expect(readSearch({ kiosk: "false", tenant: "" })).toEqual({});
    expect(readSearch({ q: "x".repeat(999) }).q).toHaveLength(200);
    expect(isFiltering(readSearch({ kiosk: "1" }))).toBe(false);
    expect(isFiltering({ node: "a" })).toBe(true);
  });

  it("clearing it and changing the grouping leave the rest of the URL as it is", () => {
    const search = readSearch({ q: "a", group: "image", kiosk: "" });
    expect(withoutFilter(search)).toEqual({ group: "image", kiosk: true });
    expect(toggleGroups(search)).toEqual({ q: "a", kiosk: true });
    expect(toggleGroups({ q: "a" })).toEqual({ q: "a", group: "image" });
    expect(readSearch({ group: "colour" })).toEqual({});
  });

  it("what is chosen can be chosen even if it does not occur now", () => {
    const choices = filterChoices(entries, ["worker-10", "worker-9"], { tenant: "gone" });
    expect(choices.nodes.slice(-2)).toEqual(["worker-9", "worker-10"]);
    expect(choices.tenants).toContain("gone");
    expect(choices.namespaces).toEqual(["analytics", "checkout", "payments", "platform", "search"]);
  });
});

describe("the five figures", () => {
  it("count what runs, who waits, what failed, and which nodes are silent", () => {
    const summary = summarize(entries, sampleNodes(["a", "b", "c"], ["b"], now));
    expect(summary).toMatchObject({
      active: 8,
      nodesReporting: 2,
      nodesKnown: 3,
    });
    expect(summary.silentNodes).toEqual(["b"]);
    expect(waitsOf(entries)).toMatchObject({ downloading: 6, unpacking: 1, failures: 1, pods: 13 });
    expect(summary.recording).toBe(false);
  });

  it("a pod that waits for two images waits once", () => {
    const twice = [byId("p02"), { ...byId("p02"), id: "again" }].map(entry);
    expect(waitsOf(twice).pods).toBe(2);
  });

  it("are not added up anew at each draw", () => {
    const read = createWaitsReader();
    const state = { entries: new Map(entries.map((one) => [one.pull.id, one])), shape: new Map() };
    const waits = read(state, 1);
    expect(read({ ...state, entries: new Map() }, 1)).toBe(waits);
    expect(read({ ...state, entries: new Map() }, 2).pods).toBe(0);
    expect(read({ ...state, shape: new Map() }, 2)).toEqual(waits);
  });
});

describe("what is said while nothing is pulled", () => {
  it("is of the nodes that report, and of silent ones that nothing is known", () => {
    const words = (names: string[], silent: string[]) =>
      idleWords(summarize([], sampleNodes(names, silent, now)), "30 min");
    expect(words(["a"], [])).toBe("The node reports, and nothing was pulled in the last 30 min.");
    expect(words(["a", "b"], [])).toBe("2 nodes report, and nothing was pulled in the last 30 min.");
    expect(words(["a", "b", "c"], ["c"])).toBe("2 of 3 nodes report, and nothing was pulled in the last 30 min.");
    expect(words(["a"], ["a"])).toBe("The node is silent: what it pulls is not known.");
    expect(words(["a", "b"], ["a", "b"])).toBe("All 2 nodes are silent: what they pull is not known.");
  });
});

describe("the time left", () => {
  const text = (pull: PullStatus, at = now): string => timeLeft(pull, at, undefined).text;

  it("is a figure only when there is one, and otherwise the reason", () => {
    expect(timeLeft(byId("p01"), now, undefined)).toEqual({ known: true, text: "2 min 10 s" });
    expect(text(byId("p03"))).toBe("unpacking to disk");
    expect(text(byId("p06"))).toBe("reading manifest");
    expect(text(byId("p08"))).toBe("no bytes coming in");
    expect(text(byId("p10"))).toBe("took 42 s");
    expect(text(byId("p09"))).toBe("after 3 min 39 s");
    expect(text({ ...byId("p02"), totalKnown: false })).toBe("size not known yet");
    expect(text(byId("p05"))).toBe("waits for a free slot");
  });

  it("says no slot where none is known to be missing: without layers, or when the server says who is waited for", () => {
    const row: PullStatus = { ...byId("p05"), layers: [] };
    expect(text(row)).toBe("no bytes coming in");
    const cause = { kind: "other-pull" as const, sentence: "Another pull downloads it.", share: 90 };
    expect(text({ ...row, cause })).toBe("waits for another pull");
    expect(text({ ...byId("p05"), cause })).toBe("waits for another pull");
  });

  it("is not told from old reports", () => {
    expect(text(byId("p01"), now + 34_000)).toBe("no report for 34 s");
  });

  it("names the pull on the same node that fetches the layer which one waits for", () => {
    const nodes = runningByNode(entries);
    const holders = layerHolders(byId("p05"), nodes.get("worker-04")!);
    expect([...holders.values()]).toEqual(["analytics/notebook:cuda-12.6"]);
    const [holder] = holders.values();
    expect(timeLeft(byId("p05"), now, holder).text).toBe("waits for analytics/notebook:cuda-12.6");
    expect(holderOf(byId("p05"), nodes)).toBe(holder);
    const words = (pull: PullStatus): string[] =>
      pull.layers.map(({ digest, phase }) => (phase === "waiting" ? layerWaitWords(pull, digest, holders) : phase));
    const p05 = byId("p05");
    expect(words(p05)).toEqual(["cached", "waits for analytics/notebook:cuda-12.6", "waiting its turn"]);
    const own = { ...p05.layers[0]!, digest: "own", phase: "downloading" as const };
    expect(words({ ...p05, layers: [...p05.layers, own] })[2]).toBe("waiting for a slot");
    expect(words({ ...p05, phase: "cancelled" })).toEqual(["cached", "not begun", "not begun"]);
    expect(layerHolders(byId("p05"), nodes.get("worker-01")!).size).toBe(0);
    expect(nodes.has("worker-06")).toBe(false);
  });
});

describe("the server's word on waiting and time", () => {
  it("a time left that it told wins, and one that rests on other pulls is said less firmly", () => {
    const endsAt = new Date(now + 95_000).toISOString();
    const told = (basis: "measured" | "node"): PullStatus => ({ ...byId("p03"), timeLeft: { endsAt, basis } });
    expect(timeLeft(told("measured"), now, undefined)).toEqual({ known: true, text: "1 min 35 s" });
    expect(timeLeft(told("node"), now, undefined).text).toBe("about 1 min 30 s");
    expect(timeLeft(told("node"), now + 30_000, undefined).text).toBe("no report for 30 s");
  });

  it("names what a layer waits for, and no more than the reader may know", () => {
    const waits = (imageRef?: string): PullStatus => ({
      ...byId("p05"),
      layers: byId("p05").layers.map((layer) => ({
        ...layer,
        waitsFor: { pullId: "elsewhere", ...(imageRef === undefined ? {} : { imageRef }) },
      })),
    });
    expect([...layerHolders(waits("r.example/a/b:1"), []).values()]).toEqual(["a/b:1", "a/b:1"]);
    expect([...layerHolders(waits(), []).values()]).toEqual(["another pull", "another pull"]);
  });
});

describe("pulls grouped by image", () => {
  const all = rollOutPulls(now).map(entry);
  const states = new Map(all.map((one) => [one.pull.id, one]));
  const groupOf = (list: readonly PullEntry[], name: string) =>
    [...groupByImage(list).values()].find((group) => group.imageRef.includes(name))!;

  it("counts the nodes that have it, names the slowest, and lists what failed first", () => {
    const group = groupOf(all, "checkout/storefront");
    expect(group).toMatchObject({ failed: 1, pullIds: ["s1", "s2", "s3", "s4", "s5", "s6"] });
    const rollOut = rollOutOf(group, states);
    expect(rollOut.have).toBe(3);
    expect(rollOut.slowest?.nodeName).toBe("worker-04");
    expect(byUrgency(rollOut.pulls).map((pull) => pull.id)).toEqual(["s6", "s3", "s4", "s1", "s2", "s5"]);
  });

  it("nodes stand in the order of their numbers", () => {
    const group = groupOf(all, "node-agent");
    expect(group.pullIds).toEqual(Array.from({ length: 120 }, (_, at) => `e${at}`));
  });

  it("a second try on a node replaces the first one", () => {
    const failed = states.get("s6")!.pull;
    const { completedAt: _, ...rest } = failed;
    const again = entry({ ...rest, id: "again", phase: "downloading", startedAt: new Date(now).toISOString() });
    const group = groupOf([...all, again], "checkout/storefront");
    expect(group.failed).toBe(0);
    expect(group.pullIds).toContain("again");
    expect(group.pullIds).not.toContain("s6");
  });

  it("a pull whose tag is not known yet stands with the others, and a tag that was moved does not", () => {
    const [one] = [states.get("s1")!.pull];
    const untagged = {
      ...one,
      id: "u",
      nodeName: "x",
      imageRef: one.imageRef.replace(/:[^:/]*$/, `@${one.manifestDigest}`),
    };
    const moved = { ...one, id: "m", nodeName: "y", manifestDigest: `sha256:${"0".repeat(64)}` };
    const { manifestDigest: __, ...unread } = {
      ...one,
      id: "r",
      nodeName: "z",
      startedAt: new Date(now).toISOString(),
    };
    const groups = [...groupByImage([one, untagged, moved, unread].map(entry)).values()];
    expect(groups.map((group) => group.pullIds.toSorted())).toEqual([["r", "s1", "u"], ["m"]]);
    expect(groups[0]!.imageRef).toBe(one.imageRef);
  });

  it("a filter chooses images, and each of them is shown whole", () => {
    const chosen = groupsWith(groupByImage(all), filterEntries(all, { phase: "failed", node: "worker-06" }));
    expect(chosen.map((group) => group.pullIds.length)).toEqual([6]);
  });
});

describe("the time axis", () => {
  const words = (pull: PullStatus): string[] => timelineOf(pull, now)!.rows.map((row) => row.words);
  const second = (at: number): string => new Date(now - 100_000 + at * 1000).toISOString();
  const layered = (times: readonly (readonly [begin: number, here: number, done: number])[]): PullStatus => ({
    ...byId("p10"),
    startedAt: second(0),
    completedAt: second(60),
    layers: times.map(([begin, here, done], at) => ({
      ...byId("p10").layers[2]!,
      digest: `sha256:${at}`,
      startedAt: second(begin),
      downloadedAt: second(here),
      completedAt: second(done),
    })),
  });

  it("says when each layer waited, downloaded, waited for those below, and unpacked", () => {
    expect(
      words(
        layered([
          [0, 20, 30],
          [5, 10, 60],
        ]),
      ),
    ).toEqual([
      "downloaded 20 s, unpacked 10 s",
      "waited 5 s, downloaded 5 s, waited for the layers below 20 s, unpacked 30 s",
    ]);
    const [, upper] = timelineOf(
      layered([
        [0, 20, 30],
        [6, 12, 60],
      ]),
      now,
    )!.rows;
    expect(upper!.spans.map((span) => [span.kind, span.from, span.to])).toEqual([
      ["waiting", 0, 0.1],
      ["downloading", 0.1, 0.2],
      ["queued", 0.2, 0.5],
      ["unpacking", 0.5, 1],
    ]);
  });

  it("believes the times where layers were unpacked at once", () => {
    expect(
      words(
        layered([
          [0, 20, 60],
          [0, 10, 30],
        ]),
      )[1],
    ).toBe("downloaded 10 s, unpacked 20 s");
  });

  it("without the time of the last byte it claims no unpacking", () => {
    const pull = layered([[0, 20, 30]]);
    const layers = pull.layers.map((layer) => {
      const { downloadedAt: _, ...rest } = layer;
      return rest;
    });
    expect(words({ ...pull, layers })).toEqual(["downloaded 30 s"]);
  });

  it("what still goes on is said so; cached layers have no time", () => {
    const timeline = timelineOf(byId("p01"), now)!;
    expect(timeline.cached).toEqual({ layers: 2, bytes: 80 * 1024 ** 2 });
    expect(timeline.rows.map((row) => row.position)).toEqual([3, 4, 5, 6, 7]);
    expect(timeline.rows[1]!.words).toMatch(/^waited \d+ s, downloading for \d+ s$/);
    expect(timeline.rows[4]!.words).toBe("waiting for 1 min 14 s");
    expect(timelineOf(byId("p06"), now)).toBeUndefined();
  });

  it("stays on its axis, whatever the times", () => {
    const anyTime = double({ min: -1e6, max: 1e6, noNaN: true });
    assert(
      property(array(tuple(anyTime, anyTime, anyTime), { maxLength: 6 }), (times) => {
        for (const { spans } of timelineOf(layered(times), now)?.rows ?? []) {
          for (const { from, to } of spans) expect(from >= 0 && from < to && to <= 1).toBe(true);
        }
      }),
    );
  });

  it("its marks are round and few", () => {
    for (const seconds of [1, 7, 59, 61, 600, 5000, 90_000]) {
      const pull = {
        ...layered([[0, 1, 2]]),
        startedAt: new Date(now - seconds * 1000).toISOString(),
        completedAt: second(100),
      };
      expect(timelineOf(pull, now)!.ticks.length).toBeLessThanOrEqual(7);
    }
    expect(timelineOf(byId("p01"), now)!.ticks.map((tick) => tick.label)).toEqual([
      "0 s",
      "15 s",
      "30 s",
      "45 s",
      "1 min",
    ]);
  });
});

describe("the bar", () => {
  it("has a part per layer, in proportion to its size, and none is invisible", () => {
    const segments = segmentsOf(byId("p01"));
    expect(segments.map((segment) => segment.phase)).toEqual(byId("p01").layers.map((layer) => layer.phase));
    expect(segments[3]!.weight / segments[2]!.weight).toBeCloseTo(1180 / 412);
    expect(Math.min(...segments.map((segment) => segment.weight))).toBeGreaterThanOrEqual(0.006);
    expect(segments[0]!.filled).toBe(1);
    expect(segments[3]!.filled).toBeCloseTo(0.37);
    expect(segments[5]!.filled).toBe(0);
  });

  it("is not cut while no size is known, and not into more parts than one can see", () => {
    expect(segmentsOf(byId("p06"))).toEqual([]);
    const [layer] = byId("p01").layers;
    const many = { ...byId("p01"), layers: Array.from({ length: 127 }, () => layer!) };
    expect(segmentsOf(many)).toHaveLength(1);
  });
});
