import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CauseKind, PullPhase, PullStatus } from "../contract/index.ts";
import { causeOf, type CauseFacts } from "./cause.ts";
import { limitedTryCause } from "./limit-cause.ts";
import { serialQueueCause } from "./queue-cause.ts";
import { learnLink, learnUnpack, nothingLearned, type Speeds } from "./speeds.ts";
import { at, layer, MiB, noon, pull } from "./testing/statuses.ts";

const reached = (mebibytes: number, seconds = 60): Speeds => {
  let speeds = nothingLearned;
  for (let second = 0; second < seconds; second += 1) {
    speeds = learnLink(speeds, mebibytes * MiB, 1_000, noon + (second - seconds) * 1_000);
  }
  return speeds;
};
const unpacked = (mebibytes: number): Speeds => learnUnpack(nothingLearned, "gzip", mebibytes * MiB, 1_000);
const even = (part: number, speed = 2) =>
  [1, 2, 3, 4].map((number) => layer(number, 40, 40 * part, { phase: "downloading", bytesPerSec: (speed * MiB) / 4 }));
const running = (speed: number, more: Parameters<typeof pull>[1] = {}) =>
  pull(even(0.5, speed), { bytesPerSec: speed * MiB, ...more });
const ask = (facts: Partial<CauseFacts> & Pick<CauseFacts, "pull">) =>
  causeOf({
    others: [],
    nodeBytesPerSec: facts.pull.bytesPerSec,
    node: nothingLearned,
    fleet: nothingLearned,
    registry: { host: "registry.example", nodes: 0, slow: 0 },
    refused: [],
    movedAt: noon + 30_000,
    now: noon + 30_000,
    ...facts,
  });

describe("why is it slow?", () => {
  it("waits for another pull that downloads most of what is missing", () => {
    const waitsFor = { pullId: "p2", imageRef: "registry.example:5000/team/base:3" };
    const layers = [layer(1, 30, 0, { phase: "downloading", waitsFor }), layer(2, 10, 0)];
    expect(ask({ pull: pull(layers) })).toEqual({
      kind: "other-pull",
      sentence: "Waits for 1 layer (30 MiB) that team/base:3 is downloading: 75 % of what is missing.",
      share: 0.75,
    });
    const hidden = [layer(1, 30, 0, { phase: "downloading", waitsFor: { pullId: "p2" } })];
    expect(ask({ pull: pull(hidden) })?.sentence).toContain("that another pull of this node is downloading");
    const two = [waitsFor, { pullId: "p3", imageRef: "b:1" }].map((wait, index) =>
      layer(index, 30, 0, { phase: "downloading", waitsFor: wait }),
    );
    expect(ask({ pull: pull(two) })?.sentence).toBe(
      "Waits for 2 layers (60 MiB) that other pulls of this node are downloading: 100 % of what is missing.",
    );
    expect(ask({ pull: pull([layers[0]!, layer(2, 40, 0)]) })?.kind).not.toBe("other-pull");
  });

  it("stands in the queue when none of its layers downloads while others do", () => {
    const queued = pull([layer(1, 30, 0), layer(2, 30, 0), layer(3, 5, 5)]);
    expect(ask({ pull: queued, others: [running(9, { id: "p2" })] })).toEqual({
      kind: "queue",
      sentence:
        "None of its layers downloads: 2 missing layers wait in the queue while 4 layers of 1 other pull of this node download.",
    });
    expect(ask({ pull: queued })).toBeUndefined();
    expect(ask({ pull: queued, others: [pull([layer(9, 5, 5)], { id: "p2", phase: "unpacking" })] })).toBeUndefined();
  });

  it("stands still when nothing has arrived for a quarter of a minute", () => {
    expect(ask({ pull: running(0), movedAt: noon + 5_000 })).toEqual({
      kind: "stalled",
      sentence: "No data has arrived for 25 s.",
    });
    expect(ask({ pull: running(0), movedAt: noon + 20_000 })).toBeUndefined();
    expect(ask({ pull: running(1), movedAt: noon + 5_000 })).toBeUndefined();
  });

  it("has one giant layer", () => {
    const giant = layer(1, 900, 100, { phase: "downloading", bytesPerSec: 4 * MiB });
    expect(ask({ pull: pull([giant, layer(2, 50, 50), layer(3, 20, 0)], { bytesPerSec: 4 * MiB }) })).toEqual({
      kind: "one-layer",
      sentence: "One layer of 900 MiB holds 98 % of what is missing, and comes in one stream at 4.0 MiB/s.",
      share: 0.98,
    });
    // The last remainder of one among many is no giant, nor is the only layer of an image.
    expect(ask({ pull: pull([layer(1, 50, 10), layer(2, 50, 50), layer(3, 50, 50)]) })).toBeUndefined();
    expect(ask({ pull: pull([giant]) })).toBeUndefined();
  });

  it("shares a link that is full", () => {
    const others = [running(6, { id: "p2" }), running(2, { id: "p3" }), pull([layer(8, 9, 0)], { id: "p4" })];
    const facts = { pull: running(2), others, nodeBytesPerSec: 10 * MiB };
    expect(ask({ ...facts, node: reached(12) })).toEqual({
      kind: "shared-link",
      sentence: "3 pulls share this node's link: this one gets 2.0 MiB/s of 10 MiB/s (20 %).",
      share: 0.2,
    });
    // A link that could bring more is not what holds it back, and one that nobody knows is no cause.
    expect(ask({ ...facts, node: reached(25) })).toBeUndefined();
    expect(ask(facts)).toBeUndefined();
  });

  it("has a slow registry where other nodes see the same", () => {
    const facts = { pull: running(1), node: reached(50) };
    expect(ask({ ...facts, registry: { host: "registry.example", nodes: 4, slow: 3 } })).toMatchObject({
      kind: "registry",
      sentence: expect.stringMatching(
        /^registry\.example sends slowly: 1\.0 MiB\/s, 2 % of the (49|50) MiB\/s that this node reached lately; so it does to 3 of 4 other nodes that download from it\.$/,
      ) as string,
    });
    for (const registry of [
      { host: "registry.example", nodes: 0, slow: 0 },
      { host: "registry.example", nodes: 4, slow: 2 },
    ]) {
      expect(ask({ ...facts, registry })).toMatchObject({ kind: "link" });
    }
    expect(ask({ pull: running(20), node: reached(50), registry: { host: "r", nodes: 4, slow: 4 } })).toBeUndefined();
    // A best that was seen for some seconds only proves nothing.
    expect(ask({ pull: running(1), node: reached(50, 5) })).toBeUndefined();
  });

  it("unpacks, and says when this node does so more slowly than others", () => {
    const layers = [
      layer(1, 100, 100, { phase: "done", downloadedAt: at(5), completedAt: at(12) }),
      layer(2, 200, 200, { phase: "unpacking", downloadedAt: at(10), unpackingAt: at(12) }),
    ];
    const unpacking = pull(layers, { phase: "unpacking" });
    expect(ask({ pull: unpacking })).toEqual({
      kind: "unpack",
      sentence: "All is downloaded; unpacking has taken 20 s of 30 s so far, now a layer of 200 MiB.",
      share: 0.67,
    });
    expect(ask({ pull: unpacking, node: unpacked(30), fleet: unpacked(40) })?.kind).toBe("unpack");
    expect(ask({ pull: unpacking, now: noon + 11_000 })).toBeUndefined();
  });

  it("has a slow disk where the node unpacks at less than half of what others do, or of what it did itself", () => {
    const layers = [
      layer(1, 100, 100, { phase: "done", downloadedAt: at(5), completedAt: at(12) }),
      layer(2, 200, 200, { phase: "unpacking", downloadedAt: at(10), unpackingAt: at(12) }),
    ];
    const unpacking = pull(layers, { phase: "unpacking" });
    expect(ask({ pull: unpacking, node: unpacked(4), fleet: unpacked(40) })).toEqual({
      kind: "slow-disk",
      sentence:
        "All is downloaded; unpacking has taken 20 s of 30 s so far, now a layer of 200 MiB. The disk or processor of this node is slow: it unpacks at 4.0 MiB/s, the average node at 40 MiB/s.",
      share: 0.67,
    });
    expect(ask({ pull: unpacking, node: unpacked(50), fleet: unpacked(50) })?.sentence).toMatch(
      / slow: that layer has taken 18 s, at the 50 MiB\/s that this node unpacked lately it would be 4 s\.$/,
    );
    expect(ask({ pull: unpacking, fleet: unpacked(50) })?.sentence).toContain("50 MiB/s that other nodes unpack it");
    // Twice as long as foretold is no slow disk yet, and neither are a few seconds.
    expect(ask({ pull: unpacking, node: unpacked(22) })?.kind).toBe("unpack");
    expect(ask({ pull: unpacking, node: unpacked(900), now: noon + 20_000 })?.kind).toBe("unpack");
    const done = pull([layer(1, 10, 10, { phase: "done", downloadedAt: at(5), completedAt: at(64) })], {
      phase: "done",
      completedAt: at(64),
    });
    expect(ask({ pull: done, node: unpacked(1), fleet: unpacked(40) })?.kind).toBe("slow-disk");
  });

  it("has too few downloads at a time for its link, while most of it waits for a free slot", () => {
    const layers = [1, 2, 3].map((number) => layer(number, 20, 10, { phase: "downloading" }));
    const waiting = [4, 5, 6, 7].map((number) => layer(number, 30, 0));
    const slow = pull([...layers, ...waiting], { bytesPerSec: 10 * MiB });
    expect(ask({ pull: slow, node: reached(20) })).toEqual({
      kind: "queue",
      sentence:
        "Only 3 layers download at a time, at 10 MiB/s of the 20 MiB/s that this node reached lately: 4 layers (120 MiB, 80 % of what is missing) wait for a free slot (max_concurrent_downloads of containerd).",
      share: 0.8,
    });
    // More slots would not help a link that is full, nor one of which nothing is known, nor the last layers.
    expect(ask({ pull: slow, node: reached(15) })).toBeUndefined();
    expect(ask({ pull: slow })).toBeUndefined();
    expect(
      ask({ pull: pull([...layers, layer(4, 5, 0)], { bytesPerSec: MiB * 10 }), node: reached(20) }),
    ).toBeUndefined();
    // A link far below what it was is slow for another reason.
    expect(ask({ pull: { ...slow, bytesPerSec: 2 * MiB }, node: reached(20) })?.kind).toBe("link");
  });

  it("is tried again after a rate limit, which holds it back while nothing comes", () => {
    const refused = (more: Partial<PullStatus> = {}, retryAt?: string) =>
      pull([], {
        id: "refused",
        phase: "failed",
        completedAt: at(-20),
        attempts: 2,
        failure: {
          code: "rate-limited",
          sentence: "The registry registry.example refuses further requests for now: its rate limit is reached (429).",
          advice: "Wait.",
          ...(retryAt === undefined ? {} : { retryAt }),
        },
        ...more,
      });
    const resolving = pull([], { phase: "resolving" });
    expect(ask({ pull: resolving, refused: [refused({}, at(90))] })).toEqual({
      kind: "rate-limit",
      sentence:
        "The registry registry.example refuses further requests for now: its rate limit is reached (429); 2 tries of this image came to nothing, the last 50 s ago, requests are taken again at 12:01:30 UTC.",
    });
    expect(ask({ pull: running(0), refused: [refused()] })?.kind).toBe("rate-limit");
    // While bytes come it is only what made it late: any other cause goes first.
    expect(ask({ pull: running(2), refused: [refused()] })?.kind).toBe("rate-limit");
    expect(ask({ pull: running(2), refused: [refused()], node: reached(50) })?.kind).toBe("link");
    // Another image of the same registry: as long as that takes no requests.
    const other = { imageRef: "registry.example/team-b/x:1" };
    expect(ask({ pull: running(0), refused: [refused(other, at(90))] })?.sentence).toContain(
      "another pull of this node was refused 50 s ago, requests are taken again at 12:01:30 UTC",
    );
    for (const pull of [
      refused(other),
      refused(other, at(20)),
      refused({ imageRef: "elsewhere.example/team-a/shop:1.0" }, at(90)),
      refused({ completedAt: at(-700) }, at(90)),
      refused({ id: "p1" }, at(90)),
    ]) {
      expect(ask({ pull: running(0), refused: [pull] })?.kind).not.toBe("rate-limit");
    }
    const notFound = { code: "not-found", sentence: "No such image.", advice: "Look." } as const;
    expect(ask({ pull: resolving, refused: [refused({ failure: notFound })] })).toBeUndefined();
  });

  it("says nothing of pulls that have just begun, resolve, failed or were given up", () => {
    const waitsFor = { pullId: "p2" };
    const slow = pull([layer(1, 30, 0, { phase: "downloading", waitsFor })]);
    expect(ask({ pull: slow, now: noon + 4_000 })).toBeUndefined();
    for (const phase of ["resolving", "failed", "cancelled"] as const) {
      expect(ask({ pull: { ...slow, phase } })).toBeUndefined();
    }
  });
});

describe("why does nothing begin?", () => {
  it("because kubelet pulls one image after the other", () => {
    const shared = layer(1, 300, 100, { phase: "downloading" });
    const first = pull([shared, layer(2, 100, 100)], { id: "p2", timeLeft: { endsAt: at(70), basis: "measured" } });
    expect(serialQueueCause([first])).toEqual({
      kind: "queue",
      sentence:
        "kubelet pulls one image after the other, and 1 pull of this node goes first, 200 MiB still to come; it ends about 12:01:10 UTC.",
    });
    // What two of them need comes once; no end is told while one of them has none.
    const second = pull([shared, layer(3, 50, 0)], { id: "p3" });
    expect(serialQueueCause([first, second])?.sentence).toBe(
      "kubelet pulls one image after the other, and 2 pulls of this node go first, 250 MiB still to come.",
    );
    expect(serialQueueCause([{ ...first, totalKnown: false }])?.sentence).not.toContain("still to come");
    expect(serialQueueCause([pull([layer(1, 9, 9)], { phase: "unpacking" })])?.sentence).toContain("being unpacked");
    expect(serialQueueCause([])).toBeUndefined();
  });

  it("because the registry limits how often it is asked, with the time when it ends and the next try", () => {
    const failure = { code: "rate-limited", sentence: "The registry refuses.", advice: "Wait." } as const;
    expect(limitedTryCause({ ...failure, retryAt: at(300) }, { attempts: 3, nextTryAt: noon + 40_000 })).toEqual({
      kind: "rate-limit",
      sentence:
        "The registry refuses; 3 tries came to nothing, requests are taken again at 12:05:00 UTC, kubelet tries again about 12:00:40 UTC.",
    });
    expect(limitedTryCause(failure, { attempts: 1 })?.sentence).toBe("The registry refuses; 1 try came to nothing.");
    expect(limitedTryCause({ ...failure, code: "timeout" }, { attempts: 3 })).toBeUndefined();
  });
});

describe("what took its time?", () => {
  const done = (layers: Parameters<typeof pull>[0], seconds: number) =>
    ask({ pull: pull(layers, { phase: "done", completedAt: at(seconds) }), now: noon + 1e6 });

  it("is unpacking where that came after the last byte for half of it", () => {
    const layers = [layer(1, 10, 10, { phase: "done", downloadedAt: at(25), completedAt: at(64) })];
    expect(done(layers, 64)).toEqual({
      kind: "unpack",
      sentence: "Unpacking took 61 % of the time (39 s of 1 min 4 s).",
      share: 0.61,
    });
  });

  it("is the one layer that was downloaded alone for half of it", () => {
    const layers = [
      layer(1, 10, 10, { phase: "done", completedAt: at(5) }),
      layer(2, 500, 500, { phase: "done", completedAt: at(55) }),
      layer(3, 500, 500, { phase: "cached" }),
    ];
    expect(done(layers, 60)).toEqual({
      kind: "one-layer",
      sentence: "One layer of 500 MiB was downloaded alone for 50 s of 1 min.",
      share: 0.83,
    });
  });

  it("is nothing in particular otherwise", () => {
    const together = [1, 2, 3].map((number) => layer(number, 10, 10, { phase: "done", completedAt: at(50) }));
    expect(done(together, 60)).toBeUndefined();
    expect(done([layer(1, 10, 10, { phase: "done", downloadedAt: at(1), completedAt: at(4) })], 4)).toBeUndefined();
    expect(done([], 60)).toBeUndefined();
    expect(done([layer(1, 10, 10, { phase: "cached" })], 60)).toBeUndefined();
  });
});

it("whatever the facts, a cause has the data that it names, a share from 0 to 1, and one sentence", () => {
  const phases = ["waiting", "downloading", "downloaded", "unpacking", "done", "cached"] as const;
  const time = fc.option(fc.integer({ min: -1_000, max: 1_000 }).map(at), { nil: undefined });
  const anyLayer = fc
    .tuple(fc.nat(9), fc.nat(500), fc.nat(500), fc.constantFrom(...phases), fc.boolean(), time, time)
    .map(([number, size, there, phase, waits, downloadedAt, completedAt]) =>
      layer(number, size, Math.min(size, there), {
        phase,
        ...(waits ? { waitsFor: { pullId: "p2" } } : {}),
        ...(downloadedAt === undefined ? {} : { downloadedAt }),
        ...(completedAt === undefined ? {} : { completedAt }),
      }),
    );
  const anyPull = fc
    .tuple(
      fc.array(anyLayer, { maxLength: 5 }),
      fc.constantFrom<PullPhase>("resolving", "downloading", "unpacking", "done", "failed", "cancelled"),
      fc.nat(1e9),
      time,
    )
    .map(([layers, phase, bytesPerSec, completedAt]) =>
      pull(layers, { phase, bytesPerSec, ...(completedAt === undefined ? {} : { completedAt }) }),
    );
  const needs: Readonly<Record<CauseKind, (facts: CauseFacts) => boolean>> = {
    "other-pull": (facts) => facts.pull.layers.some(({ waitsFor }) => waitsFor !== undefined),
    queue: (facts) =>
      facts.pull.layers.some(({ phase }) => phase === "waiting") &&
      (facts.pull.layers.some(({ phase }) => phase === "downloading") || facts.others.length > 0),
    stalled: (facts) => facts.pull.bytesPerSec === 0 && facts.now - facts.movedAt >= 15_000,
    "one-layer": (facts) => facts.pull.layers.length >= 2,
    "shared-link": (facts) => facts.others.some(({ bytesPerSec }) => bytesPerSec > 0),
    registry: (facts) => facts.registry.slow > 0 && facts.node.link !== undefined,
    link: (facts) => facts.node.link !== undefined,
    unpack: (facts) => facts.pull.phase === "unpacking" || facts.pull.phase === "done",
    "slow-disk": (facts) => facts.fleet.unpack.gzip !== undefined || facts.node.unpack.gzip !== undefined,
    "rate-limit": (facts) => facts.refused.some(({ failure }) => failure?.code === "rate-limited"),
  };
  const refused = pull([], {
    id: "p2",
    phase: "failed",
    completedAt: at(-5),
    failure: { code: "rate-limited", sentence: "The registry refuses.", advice: "Wait." },
  });
  const anyFacts = fc.record({
    pull: anyPull,
    others: fc.array(anyPull, { maxLength: 3 }),
    nodeBytesPerSec: fc.nat(1e9),
    node: fc.constantFrom(nothingLearned, reached(1), reached(900), unpacked(1)),
    fleet: fc.constantFrom(nothingLearned, reached(10), unpacked(50)),
    refused: fc.constantFrom([], [refused]),
    registry: fc.record({ host: fc.constant("r.example"), nodes: fc.nat(5), slow: fc.nat(5) }),
    movedAt: fc.integer({ min: noon - 60_000, max: noon + 60_000 }),
    now: fc.integer({ min: noon - 60_000, max: noon + 600_000 }),
  });
  const kinds = new Set<CauseKind>();
  fc.assert(
    fc.property(anyFacts, (facts) => {
      const cause = causeOf(facts);
      if (cause === undefined) return;
      kinds.add(cause.kind);
      expect(needs[cause.kind](facts)).toBe(true);
      expect(cause.share ?? 0).toBeGreaterThanOrEqual(0);
      expect(cause.share ?? 0).toBeLessThanOrEqual(1);
      expect(cause.sentence).toMatch(/^[A-Zr\d][^\n]*\.$/);
      expect(cause.sentence).not.toMatch(/NaN|Infinity|undefined|-\d/);
    }),
    { numRuns: 3_000 },
  );
  expect(kinds.size).toBeGreaterThan(3);
});

it("each kind of cause is explained in docs/pulltrace.md", () => {
  // Of the type's own words: a new kind does not compile before it stands here.
  const kinds: Readonly<Record<CauseKind, true>> = {
    "other-pull": true,
    queue: true,
    stalled: true,
    "one-layer": true,
    "shared-link": true,
    registry: true,
    link: true,
    unpack: true,
    "slow-disk": true,
    "rate-limit": true,
  };
  const page = readFileSync(new URL("../../../docs/pulltrace.md", import.meta.url), "utf8");
  expect(Object.keys(kinds).filter((kind) => !page.includes(`\n| \`${kind}\` | `))).toEqual([]);
});
