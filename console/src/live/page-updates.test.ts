import type { PageUpdate, PullStatus } from "@waybill/pulltrace/contract";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  busyPulls,
  scriptedPage,
  type ScriptedServer,
  type ScriptedState,
  startScriptedServer,
} from "../testing/index.ts";
import { createFeed, type Feed, type FeedSnapshot } from "./feed.ts";
import { isTooMuch, readUpdate } from "./page-updates.ts";
import { applyList } from "./state.ts";

const now = Date.now();
const pulls = busyPulls(now);
const [first] = pulls as [PullStatus, ...PullStatus[]];
const listed = applyList(
  undefined,
  { pulls, lastEventId: "r1-1", nodes: [], serverTime: new Date(now).toISOString(), historySeconds: 60 },
  now,
);

describe("an update of what the server shows to pages", () => {
  const update = (rows: PageUpdate["rows"]): string =>
    JSON.stringify({ ...scriptedPage({ pulls, nodes: [] }), rows } satisfies PageUpdate);

  it("changes the fields that it names, takes away those that are null, and keeps the layers", () => {
    const read = readUpdate(update([{ id: first.id, percent: 71, cause: null }]), listed);
    const { cause: _, ...rest } = first;
    expect(read?.events.map(({ event }) => event.pull)).toEqual([{ ...rest, percent: 71 }]);
    expect(read?.summary.bytesPerSec).toBe(5_000_000_000);
  });

  it("brings new rows whole, without layers; a change of a row that is not known waits for the list", () => {
    const { layers: _, ...row } = { ...first, id: "new" };
    const read = readUpdate(update([row, { id: "nobody", percent: 5 }]), listed);
    expect(read?.events.map(({ event }) => event.pull)).toEqual([{ ...row, layers: [] }]);
  });

  it("that cannot be read is none", () => {
    for (const text of ["", "[]", "{}", '{"summary":{},"rows":5}', '{"summary":{},"rows":[],"waits":5}'])
      expect(readUpdate(text, listed)).toBeUndefined();
  });

  it("is followed only when there are more unfinished layers than one can follow", () => {
    const unfinished = pulls
      .filter(({ completedAt }) => completedAt === undefined)
      .flatMap(({ layers }) => layers.filter(({ phase }) => phase !== "cached" && phase !== "done")).length;
    expect(isTooMuch(listed, unfinished)).toBe(false);
    expect(isTooMuch(listed, unfinished - 1)).toBe(true);
  });
});

describe("a page with more pulls than it can follow", () => {
  let server: ScriptedServer;
  let state: ScriptedState;
  let feed: Feed;

  const start = async (relistMs: number): Promise<void> => {
    state = { pulls: busyPulls(Date.now()), nodes: [] };
    server = await startScriptedServer({ state });
    feed = createFeed({
      base: server.url,
      fetch: (url, init) => fetch(url, init),
      schedule: (draw) => void setTimeout(draw, 1),
      retryMs: [20],
      mostLayers: 3,
      relistMs,
    });
    feed.start();
  };
  beforeEach(() => start(60_000));
  afterEach(async () => {
    feed.stop();
    await server.close();
  });
  async function until(what: (snapshot: FeedSnapshot) => boolean): Promise<FeedSnapshot> {
    for (let turn = 0; turn < 9_000; turn += 1) {
      if (what(feed.snapshot())) return feed.snapshot();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    throw new Error(`It never came to that; now: ${JSON.stringify(feed.snapshot().connection)}`);
  }
  const percent = (snapshot: FeedSnapshot): number | undefined => snapshot.state?.entries.get("p01")?.pull.percent;

  it("follows what the server shows to pages: its rows, and its sums", async () => {
    await until(({ connection, summarised }) => connection.kind === "live" && summarised !== undefined);
    expect(server.resumedFrom).toEqual([]);
    // The second is told as a change of the first.
    server.emitPage({ ...scriptedPage(state), rows: [{ id: "p01", percent: 60, tenant: null }] });
    server.emitPage({ ...scriptedPage(state), rows: [{ id: "p01", percent: 61 }] });
    const after = await until((snapshot) => percent(snapshot) === 61);
    expect(after.state?.entries.size).toBe(12);
    expect(after.state?.entries.get("p01")?.pull).not.toHaveProperty("tenant");
    expect(after.state?.entries.get("p01")?.pull.layers).toHaveLength(7);
    // Who waits is told when it changes, and stays until then.
    const told = scriptedPage(state).waits!;
    server.emitPage({ ...scriptedPage(state), waits: { ...told, pods: 12_345 } });
    const { waits: _, ...unchanged } = scriptedPage(state);
    server.emitPage({ ...unchanged, rows: [{ id: "p01", percent: 62 }] });
    const later = await until((snapshot) => percent(snapshot) === 62);
    expect(later.summarised?.waits).toEqual({ ...told, pods: 12_345 });
    feed.tick();
    expect((await until(({ totals }) => totals.length > 0)).totals).toEqual([5_000_000_000]);
  });

  it("after a cut it reads the list anew, and says that it is cut meanwhile", async () => {
    await until(({ summarised }) => summarised !== undefined);
    server.offline(true);
    await until(({ connection }) => connection.kind === "reconnecting");
    state.pulls = state.pulls.slice(0, 5);
    server.offline(false);
    await until(({ connection, state: read }) => connection.kind === "live" && read?.entries.size === 5);
    expect(server.listReads()).toBe(2);
  });

  it("reads the list anew from time to time without a word, and follows each event once there are few", async () => {
    feed.stop();
    await server.close();
    await start(50);
    await until(({ summarised }) => summarised !== undefined);
    const seen: string[] = [];
    feed.subscribe(() => seen.push(feed.snapshot().connection.kind));
    state.pulls = state.pulls.filter(({ phase }) => phase === "done");
    await until(({ summarised, state: read }) => summarised === undefined && read?.entries.size === 2);
    await until(() => server.resumedFrom.length === 1);
    expect(seen).not.toContain("reconnecting");
    expect(server.pageReaders()).toBe(0);
  });
});
