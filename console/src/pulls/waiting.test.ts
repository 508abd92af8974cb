import { isOver, type Failure, type ImageRollout, type PullStatus } from "@waybill/pulltrace/contract";
import { describe, expect, it } from "vitest";
import type { PullEntry } from "../live/index.ts";
import { backOffPulls, busyPulls, sampleNodes, timedRollOut } from "../testing/index.ts";
import { arrange, emptyArrangement } from "./arrangement.ts";
import { filterChoices, filterEntries, readSearch } from "./filter.ts";
import { groupByImage, rollOutOf } from "./grouping.ts";
import { rolloutSentence } from "./rollout-now.tsx";
import { summarize, waitsOf } from "./summary.ts";
import { nextTry, timeLeft } from "./time-left.ts";
import { delaySentence, troubleFilter, troubleSentence } from "./troubles.ts";

const now = Date.parse("2026-11-21T03:00:00Z");
const pulls = backOffPulls(now);
const entry = (pull: PullStatus): PullEntry => ({
  pull,
  speeds: [],
  startedMs: Date.parse(pull.startedAt),
  ...(isOver(pull) ? { completedMs: Date.parse(pull.completedAt ?? "") } : {}),
});
const entriesOf = (all: readonly PullStatus[]): PullEntry[] => all.map(entry);
const entries = entriesOf(pulls);
const byId = (id: string): PullStatus => pulls.find((pull) => pull.id === id)!;
const troublesOf = (all: readonly PullEntry[]) => waitsOf(all).troubles;
const sentences = (all: readonly PullStatus[]): string[] =>
  troublesOf(entriesOf(all)).map((trouble) => troubleSentence(trouble, now));
const failed = (id: string, failure: Partial<Failure>, more: Partial<PullStatus> = {}): PullStatus => ({
  ...byId("web-0"),
  id,
  failure: { ...byId("web-0").failure!, ...failure },
  ...more,
});

describe("what cannot be pulled", () => {
  it("is one line for 30 nodes with one cause, and those with most pods come first", () => {
    expect(sentences(pulls)).toEqual([
      "30 nodes cannot pull team-a/web:2.0: not found. 30 pods wait, for up to 4 min. Next try in about 40 s.",
      "3 nodes cannot pull 3 images of docker.io: rate limit of the registry. 6 pods wait, for up to 4 min. Next try in about 10 s.",
      "node-7 cannot pull Shop:1: invalid name. 1 pod waits, for 4 min. Not tried again.",
    ]);
  });

  it("counts down, and says no more than it knows when the time is there", () => {
    const [first] = troublesOf(entries);
    expect(troubleSentence(first!, now + 25_000)).toMatch(/Next try in about 15 s\.$/);
    expect(troubleSentence(first!, now + 40_000)).toMatch(/Next try about now\.$/);
    expect(nextTry({}, now).text).toBe("tried again by itself");
  });

  it("its filter shows exactly its pulls", () => {
    const full = { code: "no-space" } as const;
    const elsewhere = [1, 2, 3].map((at) =>
      failed(`gone-${at}`, {}, { imageRef: `other.example/gone-${at}:1`, nodeName: `n${at}` }),
    );
    const disks = [failed("full-1", full), failed("full-2", full, { nodeName: "n2" })];
    const all = entriesOf([...pulls, ...elsewhere, ...disks]);
    expect(troublesOf(all)).toHaveLength(5);
    for (const trouble of troublesOf(all)) {
      const shown = filterEntries(all, readSearch({ ...troubleFilter(trouble) }));
      expect(new Set(shown.map(({ pull }) => pull.nodeName)).size).toBe(trouble.nodes);
      expect(new Set(shown.map(({ pull }) => pull.imageRef)).size).toBe(trouble.images);
      expect(shown.map(({ pull }) => [pull.nodeName, pull.imageRef])).toContainEqual([
        trouble.nodeName,
        trouble.imageRef,
      ]);
    }
  });

  it("one image with two causes is two lines; a registry that is down is one for all its images", () => {
    const other = { imageRef: "registry.eu-central.example.com:5000/team-b/api:1" };
    expect(sentences([failed("a", {}), failed("b", { code: "unauthorized" }, { nodeName: "n2" })])).toHaveLength(2);
    expect(sentences([failed("a", { code: "connection" }), failed("b", { code: "connection" }, other)])[0]).toMatch(
      /^node-1 cannot pull 2 images of registry\.eu-central\.example\.com:5000: registry not reached\./,
    );
    expect(sentences([failed("a", {}), failed("b", {}, other)])).toHaveLength(2);
  });

  it("a full disk is the node's, whatever it pulls", () => {
    const full = { code: "no-space" } as const;
    const other = { imageRef: "docker.io/library/nginx:1" };
    expect(sentences([failed("a", full), failed("b", full, other)])[0]).toMatch(
      /^node-1 cannot pull 2 images: disk full\. 1 pod waits, for 4 min\./,
    );
    expect(sentences([failed("a", full), failed("b", full, { nodeName: "n2" })])).toEqual([
      expect.stringMatching(/^2 nodes cannot pull team-a\/web:2\.0: disk full\./),
    ]);
  });

  it("a failed pull that nobody waits for is none, and one without a known cause is", () => {
    const { waitsFor: _, nextTryAt: __, ...over } = byId("web-0");
    expect(troublesOf(entriesOf([over, ...busyPulls(now)]))).toEqual([]);
    const { failure: ___, ...unexplained } = byId("web-0");
    expect(sentences([failed("a", { code: "moon-phase" as never })])[0]).toMatch(/: moon phase\./);
    expect(sentences([unexplained])[0]).toMatch(/^node-1 cannot pull team-a\/web:2\.0: unknown cause\./);
  });
});

describe("what is slow", () => {
  const delayed = (more: Partial<PullStatus>): PullStatus => ({
    ...byId("web-0"),
    phase: "downloading",
    cause: { kind: "registry", sentence: "r.example sends slowly." },
    ...more,
  });
  const lines = (all: readonly PullStatus[]): string[] =>
    waitsOf(entriesOf(all)).delays.map((delay) => delaySentence(delay, now));
  const over = { timeLeft: { endsAt: new Date(now + 180_000).toISOString(), basis: "measured" as const } };

  it("is told with its cause, whom it hits, and when it is over", () => {
    expect(lines([delayed(over), delayed({ ...over, id: "b", nodeName: "node-2" })])).toEqual([
      "team-a/web:2.0 and 1 more pull on 2 nodes: slow registry. 1 pod waits. Over in about 3 min.",
    ]);
  });

  it("has no end while one of its pulls has none, and says no pod where none is known to wait", () => {
    expect(lines([delayed({ pods: [] }), delayed({ ...over, id: "b", pods: [] })])).toEqual([
      "team-a/web:2.0 and 1 more pull on node-1: slow registry.",
    ]);
    const moon = { kind: "moon-phase" as never, sentence: "It is full." };
    expect(lines([delayed({ cause: moon, pods: [] })])).toEqual(["team-a/web:2.0 on node-1: moon phase."]);
  });
});

describe("rows of what has not begun, and of what is tried again", () => {
  const text = (pull: PullStatus, at = now): string => timeLeft(pull, at, undefined).text;

  it("say when it goes on instead of a time left, however old the last word of it is", () => {
    expect(text(byId("web-0"))).toBe("next try in about 40 s");
    expect(text(byId("wrong"), now + 60_000)).toBe("not tried again");
    expect(text(byId("queued"), now + 60_000)).toBe("2 pulls go first");
    expect(text(byId("unasked"))).toBe("not begun yet");
  });

  it("stand with the running ones however long they are there", () => {
    const { rows, running } = arrange(entries, now + 3_600_000, emptyArrangement, false);
    expect(running).toBe(rows.length);
  });

  it("are counted beside the running ones; all their pods wait", () => {
    const summary = summarize(entries, sampleNodes([], [], now));
    expect(summary).toMatchObject({ active: 3 });
    expect(waitsOf(entries)).toMatchObject({ notBegun: 2, failures: 34, failingPods: 37, pods: 58 });
  });

  it("are found by text, namespace, phase and cause", () => {
    const ids = (query: Record<string, string>): string[] =>
      filterEntries(entries, readSearch(query)).map(({ pull }) => pull.id);
    expect(ids({ phase: "waiting" })).toEqual(["queued", "unasked"]);
    expect(ids({ q: "web-5d8f7c9b4-15" })).toEqual(["web-4"]);
    expect(ids({ q: "mail-gateway migrate" })).toEqual(["unasked"]);
    expect(ids({ namespace: "team-a" })).toHaveLength(30);
    expect(ids({ failure: "rate-limited" })).toEqual(["limited-0", "limited-1", "limited-2"]);
    expect(ids({ phase: "active" })).toHaveLength(3);
    expect(readSearch({ failure: "bad luck" })).toEqual({});
    expect(filterChoices(entries, [], {}).failures).toEqual(["not-found", "rate-limited", "invalid-name"]);
  });
});

describe("a roll-out by the server's word", () => {
  const rollout = (more: Partial<ImageRollout>): ImageRollout => ({
    imageRef: "r.example/a:1",
    totalBytes: 1,
    nodesWithImage: 1204,
    nodesPulling: 1784,
    nodesFailed: 12,
    bytesPerSec: 0,
    nodes: [],
    ...more,
  });

  it("counts its nodes, and names the one that will have it last", () => {
    const slowest = { nodeName: "node-7", state: "pulling" as const, percent: 3, pullId: "p" };
    const endsAt = new Date(now + 180_000).toISOString();
    expect(rolloutSentence(rollout({ slowest, endsAt }), now)).toBe(
      "Now 1,204 of 3,000 nodes have it, 12 failed. The last is node-7, in about 3 min.",
    );
    expect(rolloutSentence(rollout({ slowest }), now)).toMatch(/The last is node-7\.$/);
    expect(rolloutSentence(rollout({ nodesWithImage: 1, nodesPulling: 0, nodesFailed: 0 }), now)).toBe(
      "Now 1 of 1 node has it.",
    );
  });
});

describe("a roll-out", () => {
  const rollOut = (all: readonly PullStatus[]) => {
    const listed = entriesOf(all);
    const [group] = groupByImage(listed).values();
    return rollOutOf(group!, new Map(listed.map((one) => [one.pull.id, one])));
  };

  it("ends with its last node, when each that is not over has a time left", () => {
    const all = timedRollOut(now);
    const { endsAt, slowest, have } = rollOut(all);
    expect({ endsAt, have, node: slowest?.nodeName }).toEqual({ endsAt: now + 140_000, have: 3, node: "worker-04" });
    const { timeLeft: _, ...untimed } = all[5]!;
    expect(rollOut([...all.slice(0, 5), untimed]).endsAt).toBeUndefined();
    expect(rollOut(all.slice(0, 3)).endsAt).toBeUndefined();
  });

  it("of which a node fails has no end, but a next try: the first of all nodes", () => {
    const failing = rollOut(pulls.filter(({ id }) => id.startsWith("web-")));
    expect(failing.endsAt).toBeUndefined();
    expect(failing.failing?.nodeName).toBe("node-1");
    expect(failing.pods).toHaveLength(30);
  });
});
