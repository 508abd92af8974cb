import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { NamespaceObservation, Observation, ObservedLease } from "../observation/index.ts";
import { attribute, type AttributionState, emptyState, glance, questionsOf, reportedPulls } from "./index.ts";

const start = 1_700_000_000_000;
const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const [index, manifest, config, base, top, chainBase, chainTop] = ["1", "2", "3", "a", "b", "c", "d"].map(digest) as [
  string,
  string,
  string,
  string,
  string,
  string,
  string,
];
const foreign = digest("9");
const foreignLayer = digest("7");
const source = { "containerd.io/distribution.source.registry.example": "team/a" };
const content = (one: string, createdAt: number, labels: Record<string, string> = {}) => ({
  digest: one,
  size: 10,
  createdAt,
  updatedAt: createdAt,
  labels,
});
const ingest = (one: string, offset: number, updatedAt = start) => ({
  ref: `layer-${one}`,
  offset,
  total: 10,
  startedAt: start,
  updatedAt,
});
const lease = (
  id: string,
  createdAt: number,
  held: readonly string[],
  refs: readonly string[] = [],
  snapshots: readonly string[] = [],
): ObservedLease => ({
  id,
  createdAt,
  resources: [
    ...held.map((one) => ({ type: "content", id: one })),
    ...refs.map((one) => ({ type: "ingests", id: `layer-${one}` })),
    ...snapshots.map((one) => ({ type: "snapshots/overlayfs", id: one })),
  ],
});
const documents: NamespaceObservation["documents"] = {
  [index]: {
    kind: "index",
    manifests: [
      { digest: foreign, platform: "linux/s390x" },
      { digest: manifest, platform: "linux/amd64" },
    ],
  },
  [foreign]: {
    kind: "manifest",
    config: digest("8"),
    layers: [{ digest: foreignLayer, size: 10, mediaType: "layer" }],
  },
  [manifest]: {
    kind: "manifest",
    config,
    layers: [base, top].map((one) => ({ digest: one, size: 10, mediaType: "layer" })),
  },
  [config]: { kind: "config", chainIds: [chainBase, chainTop] },
};
const look = (atMs: number, changes: Partial<NamespaceObservation>): Observation => ({
  at: start + atMs,
  containerdStartedAt: start - 100_000,
  namespaces: [
    {
      name: "default",
      leases: [],
      ingests: [],
      contents: [content(index, start, source), content(manifest, start), content(config, start)],
      documents,
      images: [],
      snapshots: [],
      knownHosts: {},
      unpackedBytes: {},
      ...changes,
    },
  ],
});
const options = { nodeName: "node-1", platform: "linux/amd64", keepFinishedMs: 60_000 };
const play = (observations: readonly Observation[]) =>
  observations.reduce<AttributionState>((state, one) => attribute(state, one, options), emptyState);
const pullsAfter = (...observations: Observation[]) => {
  const at = observations.at(-1)?.at ?? start;
  return reportedPulls(play(observations), at, options.keepFinishedMs);
};
const held = [index, manifest, config];

describe("a lease", () => {
  it("without an image is no pull", () => {
    expect(pullsAfter(look(0, { leases: [lease("build", start, [digest("7")])] }))).toEqual([]);
  });

  it("whose image has no source label is no pull: an import has none", () => {
    const contents = [content(index, start), content(manifest, start), content(config, start)];
    expect(pullsAfter(look(0, { leases: [lease("import", start, held)], contents }))).toEqual([]);
  });

  it("with an index is resolving at its second look, and has its layers with the manifest", () => {
    const alone = { leases: [lease("one", start, [index])], documents: { [index]: documents[index]! } };
    expect(pullsAfter(look(0, alone))).toEqual([]);
    expect(pullsAfter(look(0, alone), look(1000, alone))).toMatchObject([
      { phase: "resolving", layers: [], totalKnown: false, imageRef: `registry.example/team/a@${index}` },
    ]);
    const pulls = pullsAfter(look(0, alone), look(1000, { leases: [lease("one", start, held)] }));
    expect(pulls).toMatchObject([{ phase: "downloading", totalKnown: true, manifestDigest: manifest }]);
    expect(pulls[0]?.layers.map((layer) => [layer.digest, layer.phase, layer.totalBytes])).toEqual([
      [base, "waiting", 10],
      [top, "waiting", 10],
    ]);
  });

  it("that holds the manifests of all platforms is a pull of the node's, until it fetches another's layers", () => {
    const all = [index, foreign, manifest, config];
    expect(pullsAfter(look(0, { leases: [lease("one", start, all)] }))).toMatchObject([{ manifestDigest: manifest }]);
    const other = look(0, { leases: [lease("one", start, all, [foreignLayer])], ingests: [ingest(foreignLayer, 4)] });
    expect(pullsAfter(other)).toMatchObject([{ manifestDigest: foreign, layers: [{ digest: foreignLayer }] }]);
    const both = look(0, { leases: [lease("one", start, [...all, top], [foreignLayer])] });
    expect(pullsAfter(both)[0]?.layers.map((layer) => layer.digest)).toEqual([foreignLayer, base, top]);
  });

  it("of the same image at the same time is a pull of its own, also in another namespace", () => {
    const two = look(0, { leases: [lease("one", start, held), lease("two", start + 5, held)] });
    const third = { ...two.namespaces[0]!, name: "k8s.io", leases: [lease("one", start, held)] };
    const pulls = pullsAfter({ ...two, namespaces: [...two.namespaces, third] });
    expect(new Set(pulls.map((pull) => pull.id)).size).toBe(3);
    expect(pulls.map((pull) => pull.containerdNamespace)).toEqual(["default", "k8s.io", "default"]);
  });
});

describe("a layer without a free slot", () => {
  /** Downloads of somebody else: the first look sees them empty, the second with these bytes. */
  const others = ["4", "5", "6"].map(digest);
  const two = (atMs: number, moved: number, own: number) =>
    look(atMs, {
      leases: [lease("theirs", start - 1_000, [], others), lease("one", start, held, [base])],
      ingests: [...others.map((one) => ingest(one, moved)), ingest(base, own)],
    });
  const phases = (...observations: Observation[]) => pullsAfter(...observations)[0]?.layers.map(({ phase }) => phase);

  it("waits, since containerd 2.x has three for all pulls together", () => {
    expect(phases(two(0, 0, 0), two(6_000, 5, 0))).toEqual(["waiting", "waiting"]);
  });

  it("downloads with its first byte, while it has just begun, and where more than three come", () => {
    expect(phases(two(0, 0, 0), two(6_000, 5, 1))?.[0]).toBe("downloading");
    expect(phases(two(0, 0, 0), two(4_000, 5, 0))?.[0]).toBe("downloading");
    const fourth = { ...ingest(digest("7"), 5), ref: `layer-${digest("7")}` };
    const more = (one: Observation, offset: number) => ({
      ...one,
      namespaces: one.namespaces.map((name) => ({ ...name, ingests: [...name.ingests, { ...fourth, offset }] })),
    });
    expect(phases(more(two(0, 0, 0), 0), more(two(6_000, 5, 0), 5))?.[0]).toBe("downloading");
  });

  it("downloads where what is there besides was left by a dead client: it does not move", () => {
    expect(phases(two(0, 5, 0), two(6_000, 5, 0))?.[0]).toBe("downloading");
  });
});

describe("pulls that are over", () => {
  const recorded = {
    leases: [],
    images: [{ name: "registry.example/team/a:1", target: index, createdAt: start, updatedAt: start }],
  };
  const many = (count: number): AttributionState =>
    Array.from({ length: count }, (_, number) => number).reduce<AttributionState>((state, number) => {
      const running = look(number * 2, { leases: [lease(`pull-${number}`, start + number * 2, held, [base])] });
      const over = look(number * 2 + 1, recorded);
      return attribute(attribute(state, running, options), over, options);
    }, emptyState);

  it("are told newest end first, and beyond what a report holds those that ended first are forgotten", () => {
    const state = many(230);
    expect(state.pulls.size).toBe(200);
    const told = reportedPulls(state, start + 460, options.keepFinishedMs);
    expect(told).toHaveLength(200);
    const ends = told.map(({ completedAt }) => Date.parse(completedAt ?? ""));
    expect(ends).toEqual(ends.toSorted((one, other) => other - one));
    expect(ends[0]).toBe(start + 459);
  });
});

describe("unpacking", () => {
  const arrived = [...look(0, {}).namespaces[0]!.contents, content(base, start + 1), content(top, start + 1)];

  it("is told of the layer whose snapshot is being filled", () => {
    const pulls = pullsAfter(
      look(0, { leases: [lease("one", start, held)] }),
      look(1000, {
        leases: [lease("one", start, [...held, base, top], [], [`extract-1-x ${chainBase}`])],
        contents: arrived,
      }),
    );
    expect(pulls[0]?.phase).toBe("unpacking");
    expect(pulls[0]?.layers.map((layer) => layer.phase)).toEqual(["unpacking", "downloaded"]);
  });

  it("without news is asked about after ten seconds, and its growth keeps the pull alive", () => {
    const key = `extract-1-x ${chainBase}`;
    const working = { leases: [lease("one", start, [...held, base, top], [], [key])], contents: arrived };
    let state = play([look(0, working), look(1000, working)]);
    expect(questionsOf(state, start + 5_000).unpacks).toEqual({});
    expect(questionsOf(state, start + 11_000).unpacks).toEqual({ default: [{ snapshotter: "overlayfs", key }] });
    for (let second = 20; second <= 200; second += 20) {
      state = attribute(state, look(second * 1000, { ...working, unpackedBytes: { [key]: second } }), options);
    }
    expect(reportedPulls(state, start + 200_000, 60_000)[0]?.phase).toBe("unpacking");
    state = attribute(state, look(260_000, { ...working, unpackedBytes: { [key]: 200 } }), options);
    expect(reportedPulls(state, start + 260_000, 60_000)[0]?.phase).toBe("cancelled");
  });

  it("of layers that were all on the node is shown", () => {
    const old = [...look(0, {}).namespaces[0]!.contents, content(base, start - 9), content(top, start - 9)];
    const nothing = look(0, { leases: [lease("one", start, [...held, base, top])], contents: old });
    expect(pullsAfter(nothing)).toEqual([]);
    const key = `extract-1-x ${chainBase}`;
    const busy = look(1000, { leases: [lease("one", start, [...held, base, top], [], [key])], contents: old });
    expect(pullsAfter(nothing, busy)).toMatchObject([
      { phase: "unpacking", layers: [{ cached: true }, { cached: true }] },
    ]);
  });
});

describe("a layer that only its snapshot tells of", () => {
  it("is cached: CRI does not fetch what is unpacked", () => {
    const pulls = pullsAfter(
      look(0, { leases: [lease("one", start, held, [top])], ingests: [ingest(top, 4)], snapshots: [chainBase] }),
    );
    expect(pulls[0]?.layers.map((layer) => [layer.phase, layer.downloadedBytes])).toEqual([
      ["cached", 10],
      ["downloading", 4],
    ]);
  });
});

describe("manifests of several platforms that arrive one by one", () => {
  it("are not taken for the image before that of this node is there", () => {
    const contents = [content(index, start, source), content(foreign, start)];
    const first = look(0, { leases: [lease("one", start, [index, foreign])], contents });
    const both = look(500, { leases: [lease("one", start, held, [top])], ingests: [ingest(top, 4, start + 400)] });
    expect(reportedPulls(play([first]), start, 60_000)).toEqual([]);
    const [pull] = reportedPulls(play([first, both]), start + 500, 60_000);
    expect(pull).toMatchObject({ manifestDigest: manifest, phase: "downloading" });
    expect(pull?.layers.map((layer) => layer.digest)).toEqual([base, top]);
  });
});

describe("a finished pull", () => {
  const running = look(0, { leases: [lease("one", start, held, [top])], ingests: [ingest(top, 4)] });

  it("stays in the reports for a minute and is then forgotten", () => {
    const state = play([running, look(1000, {})]);
    expect(reportedPulls(state, start + 61_000, 60_000)).toHaveLength(1);
    expect(reportedPulls(state, start + 61_001, 60_000)).toHaveLength(0);
    expect(attribute(state, look(62_000, {}), options).pulls.size).toBe(0);
  });

  it("that failed counts for the next tries of the same image, until one succeeds or ten minutes have passed", () => {
    const again = (atMs: number, id: string) =>
      look(atMs, { leases: [lease(id, start + atMs, held, [top])], ingests: [ingest(top, 4, start + atMs)] });
    const attempts = (state: AttributionState, at: number) =>
      reportedPulls(state, start + at, 60_000).map((one) => [one.phase, one.attempts]);
    const failed = play([running, look(1000, {})]);
    expect(attempts(failed, 1000)).toEqual([["failed", 1]]);
    const second = attribute(failed, again(70_000, "two"), options);
    expect(attempts(second, 70_000)).toEqual([["downloading", 1]]);
    const third = attribute(attribute(second, look(71_000, {}), options), again(140_000, "three"), options);
    expect(attempts(third, 140_000)).toEqual([["downloading", 2]]);
    const images = [{ name: "registry.example/team/a:v1", target: index, createdAt: start, updatedAt: start }];
    const done = attribute(third, look(141_000, { images }), options);
    expect(attempts(done, 141_000)).toEqual([["done", 2]]);
    expect(attempts(attribute(done, again(210_000, "four"), options), 210_000)).toEqual([["downloading", undefined]]);
    const late = attribute(attribute(failed, look(602_000, {}), options), again(603_000, "late"), options);
    expect(attempts(late, 603_000)).toEqual([["downloading", undefined]]);
  });

  it("whose lease stays is neither asked about nor told again", () => {
    const stays = { leases: [lease("one", start, held, [top])], ingests: [ingest(top, 4)] };
    const closed = { ...stays, ingests: [ingest(top, 4, start + 7)] };
    let state = play([running, look(1000, stays), look(2000, closed), look(6000, closed)]);
    expect(reportedPulls(state, start + 6000, 60_000)).toMatchObject([{ phase: "cancelled" }]);
    expect(questionsOf(state, start + 6000).settledLeases).toEqual(new Set(["default/one"]));
    const unasked = { leases: [{ id: "one", createdAt: start }] };
    for (let second = 10; second < 200; second += 10) state = attribute(state, look(second * 1000, unasked), options);
    expect(reportedPulls(state, start + 200_000, 60_000)).toEqual([]);
    expect(questionsOf(state, start + 200_000).settledLeases).toEqual(new Set(["default/one"]));
  });

  it("that moves after all goes on under a new id, because its end was told", () => {
    const stays = { leases: [lease("one", start, held, [top])] };
    const silent = look(70_000, { ...stays, ingests: [ingest(top, 4)] });
    let state = play([running, silent]);
    const [dead] = reportedPulls(state, silent.at, 60_000);
    expect(dead?.phase).toBe("cancelled");
    const moved = [{ namespace: "default", ingests: [ingest(top, 8, start + 71_000)] }];
    state = glance(state, { at: start + 71_000, downloads: moved });
    expect(questionsOf(state, start + 71_000).settledLeases.size).toBe(0);
    state = attribute(state, look(71_100, { ...stays, ingests: [ingest(top, 8, start + 71_000)] }), options);
    const [alive] = reportedPulls(state, start + 71_100, 60_000);
    expect(alive).toMatchObject({ phase: "downloading", startedAt: dead?.startedAt });
    expect(alive?.id).not.toBe(dead?.id);
    expect(alive?.completedAt).toBeUndefined();
    expect(alive?.error).toBeUndefined();
  });
});

describe("whatever containerd shows", () => {
  const digests = [index, manifest, config, base, top];
  const anyObservations = fc.array(
    fc.record({
      leases: fc.array(
        fc.record({
          id: fc.constantFrom("one", "two"),
          held: fc.subarray(digests),
          refs: fc.subarray([base, top]),
          snapshots: fc.subarray([chainBase, `extract-1 ${chainBase}`, `extract-2 ${chainTop}`]),
          asked: fc.boolean(),
        }),
        { maxLength: 2 },
      ),
      offsets: fc.array(fc.tuple(fc.constantFrom(base, top), fc.nat(12), fc.nat(3)), { maxLength: 2 }),
      contents: fc.subarray(digests),
      unpacked: fc.boolean(),
      recorded: fc.boolean(),
      snapshots: fc.subarray([chainBase, chainTop]),
      pauseMs: fc.constantFrom(250, 1000, 5000, 70_000),
    }),
    { maxLength: 12 },
  );

  it("ids end once, bytes stay within sizes, finished pulls have a time and unfinished ones none", () => {
    fc.assert(
      fc.property(anyObservations, (moments) => {
        let state = emptyState;
        let at = start;
        const ended = new Map<string, string>();
        let listed = new Set(["one", "two"]);
        for (const moment of moments) {
          // containerd makes lease ids up: one that went never comes back.
          listed = new Set(moment.leases.map((one) => one.id).filter((id) => listed.has(id)));
          at += moment.pauseMs;
          const label: Record<string, string> = moment.unpacked ? { "containerd.io/uncompressed": base } : {};
          const named: Record<string, string> = moment.unpacked
            ? { "containerd.io/gc.ref.snapshot.overlayfs": chainTop }
            : {};
          const observation = look(at - start, {
            leases: [...listed].map((id) => {
              const one = moment.leases.find((lease) => lease.id === id)!;
              const whole = lease(one.id, start, one.held, one.refs, one.snapshots);
              return one.asked ? whole : { id: whole.id, createdAt: whole.createdAt };
            }),
            ingests: [
              ...new Map(moment.offsets.map(([one, offset, age]) => [one, ingest(one, offset, start + age)])).values(),
            ],
            contents: moment.contents.map((one) =>
              content(one, start + 1, { ...source, ...(one === config ? named : label) }),
            ),
            images: moment.recorded
              ? [{ name: "registry.example/team/a:v1", target: index, createdAt: at, updatedAt: at }]
              : [],
            snapshots: moment.snapshots,
          });
          state = attribute(state, observation, options);
          for (const pull of reportedPulls(state, at, options.keepFinishedMs)) {
            const over = pull.phase === "done" || pull.phase === "failed" || pull.phase === "cancelled";
            expect(pull.completedAt !== undefined).toBe(over);
            expect(pull.error !== undefined).toBe(pull.phase === "failed" || pull.phase === "cancelled");
            const end = over ? `${pull.phase} ${pull.completedAt}` : "";
            expect(ended.get(pull.id ?? "") ?? end).toBe(end);
            if (over) ended.set(pull.id ?? "", end);
            for (const layer of pull.layers) {
              expect(layer.downloadedBytes).toBeGreaterThanOrEqual(0);
              expect(layer.downloadedBytes).toBeLessThanOrEqual(layer.totalBytes);
              expect(layer.cached).toBe(layer.phase === "cached");
            }
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});
