import type { PullStatus } from "@waybill/pulltrace/contract";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  busyPulls,
  sampleNodes,
  type ScriptedServer,
  type ScriptedState,
  startScriptedServer,
} from "../testing/index.ts";
import { createFeed, type Feed, type FeedSnapshot } from "./feed.ts";
import { openSession, retryAfterMs, SignedOut } from "./requests.ts";

/** Cookies as a browser keeps them; the rest is Node's fetch over a real socket. */
function browserFetch(): (input: string, init?: RequestInit) => Promise<Response> {
  let cookie = "";
  return async (input, init) => {
    const headers = new Headers(init?.headers);
    if (cookie !== "") headers.set("cookie", cookie);
    const response = await fetch(input, { ...init, headers });
    cookie = response.headers.get("set-cookie")?.split(";")[0] ?? cookie;
    return response;
  };
}

let server: ScriptedServer;
let state: ScriptedState;
let feed: Feed;
let request: ReturnType<typeof browserFetch>;
let seen: FeedSnapshot[];

beforeEach(async () => {
  const now = Date.now();
  state = { pulls: busyPulls(now).slice(0, 3), nodes: sampleNodes(["worker-01"], [], now) };
  server = await startScriptedServer({ state });
  request = browserFetch();
  seen = [];
  // As good as never: a busy machine must not look like a dead line.
  follow(600_000);
});
afterEach(async () => {
  feed.stop();
  await server.close();
});

/** @param silenceMs after how long a silent line is taken for dead */
function follow(silenceMs: number): void {
  feed = createFeed({
    base: server.url,
    fetch: request,
    schedule: (draw) => void setTimeout(draw, 1),
    retryMs: [20],
    silenceMs,
    quietAfterMs: 0,
  });
  feed.subscribe(() => seen.push(feed.snapshot()));
}

async function until(what: (snapshot: FeedSnapshot) => boolean): Promise<FeedSnapshot> {
  for (let turn = 0; turn < 9_000; turn += 1) {
    if (what(feed.snapshot())) return feed.snapshot();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`It never came to that; now: ${JSON.stringify(feed.snapshot().connection)}`);
}
const live = (snapshot: FeedSnapshot): boolean => snapshot.connection.kind === "live";
const percentOf = (snapshot: FeedSnapshot, id: string): number | undefined =>
  snapshot.state?.entries.get(id)?.pull.percent;
const moved = (pull: PullStatus, percent: number): PullStatus => ({
  ...pull,
  percent,
  updatedAt: new Date().toISOString(),
});

describe("following the server", () => {
  it("takes the list, then the events from there", async () => {
    feed.start();
    await until(live);
    expect(server.resumedFrom).toEqual(["r1-0"]);
    server.emitPull(moved(state.pulls[0]!, 77));
    const { id } = state.pulls[2]!;
    await until((snapshot) => percentOf(snapshot, id) === 77);
    expect(server.listReads()).toBe(1);
  });

  it("after a cut line it resumes at the last event, and misses and doubles nothing", async () => {
    feed.start();
    await until(live);
    const pull = state.pulls[0]!;
    server.emitPull(moved(pull, 60));
    await until((snapshot) => percentOf(snapshot, pull.id) === 60);
    server.offline(true);
    await until((snapshot) => snapshot.connection.kind === "reconnecting");
    server.emitPull(moved(pull, 70));
    server.emitPull({ ...moved(pull, 1), id: "new" });
    server.offline(false);
    const after = await until((snapshot) => percentOf(snapshot, pull.id) === 70 && percentOf(snapshot, "new") === 1);
    expect(after.state?.entries.size).toBe(4);
    expect(after.state?.entries.get("new")?.speeds).toHaveLength(1);
    expect(server.resumedFrom.at(-1)).toBe("r1-1");
    expect(server.listReads()).toBe(1);
  });

  it("an id without data moves the place from which it resumes", async () => {
    feed.start();
    await until(live);
    server.skip();
    server.skip();
    server.endStreams();
    await until(() => server.resumedFrom.length === 2);
    expect(server.resumedFrom.at(-1)).toBe("r1-2");
    expect(server.listReads()).toBe(1);
  });

  it("a stream that the server ends in good order is taken up again without a word", async () => {
    feed.start();
    await until(live);
    seen = [];
    server.endStreams();
    await until(() => server.resumedFrom.length === 2);
    const pull = state.pulls[0]!;
    server.emitPull(moved(pull, 61));
    await until((snapshot) => percentOf(snapshot, pull.id) === 61);
    expect(seen.map((snapshot) => snapshot.connection.kind)).not.toContain("reconnecting");
    expect(server.listReads()).toBe(1);
  });

  it("but when the server stays away after that, it says so", async () => {
    feed.start();
    await until(live);
    server.endStreams();
    server.offline(true);
    const away = await until((snapshot) => snapshot.connection.kind === "reconnecting");
    expect(away.connection).toMatchObject({ reason: "No connection to the server." });
  });

  it("keeps the speed of each node", async () => {
    feed.start();
    await until(live);
    feed.tick();
    feed.tick();
    const { nodeTotals, totals } = await until((snapshot) => snapshot.totals.length === 2);
    const sum = [...nodeTotals.values()].reduce((before, values) => before + values.at(-1)!, 0);
    expect(sum).toBe(totals.at(-1));
    expect(nodeTotals.get("worker-03")).toHaveLength(2);
  });

  it("after a restart of the server (reset) it fetches the list anew", async () => {
    feed.start();
    await until(live);
    state.pulls = state.pulls.slice(1);
    server.restart();
    const after = await until((snapshot) => live(snapshot) && snapshot.state?.entries.size === 2);
    expect(after.state?.lastEventId).toBe("r2-0");
    expect(server.listReads()).toBe(2);
    expect(server.resumedFrom).toEqual(["r1-0", "r1-0", "r2-0"]);
  });

  it("a second restart is answered as quickly as the first, though nothing was pulled between them", async () => {
    const schedule = (draw: () => void) => void setTimeout(draw, 1);
    const other = createFeed({ base: server.url, fetch: request, schedule, retryMs: [20, 60_000], quietAfterMs: 0 });
    feed.stop();
    feed = other;
    feed.start();
    await until(live);
    for (const run of ["r2-0", "r3-0", "r4-0"]) {
      server.restart();
      await until((snapshot) => live(snapshot) && snapshot.state?.lastEventId === run);
    }
    expect(server.listReads()).toBe(4);
  });

  it("tells how old the data is while the line is down, and starts from nothing when it never was up", async () => {
    server.offline(true);
    feed.start();
    const down = await until((snapshot) => snapshot.connection.kind === "reconnecting");
    expect(down.state).toBeUndefined();
    server.offline(false);
    await until(live);
    server.offline(true);
    await until((snapshot) => snapshot.connection.kind === "reconnecting");
    await new Promise((resolve) => setTimeout(resolve, 30));
    feed.tick();
    const old = await until((snapshot) => snapshot.silentMs >= 30);
    expect(old.state?.entries.size).toBe(3);
  });

  it("a server that has no place is asked again when it said, from the same event, and says why", async () => {
    feed.start();
    await until(live);
    server.full(1);
    const { now: asked } = feed.snapshot();
    server.dropStreams();
    const full = await until(
      ({ connection }) => connection.kind === "reconnecting" && connection.reason.includes("503"),
    );
    const { retryAt } = full.connection as { retryAt: number };
    expect(retryAt - asked).toBeGreaterThanOrEqual(1_000);
    expect(retryAt - full.now).toBeLessThanOrEqual(1_250);
    server.emitPull(moved(state.pulls[0]!, 88));
    const { id } = state.pulls[2]!;
    server.full(undefined);
    await until((snapshot) => percentOf(snapshot, id) === 88);
    expect(server.listReads()).toBe(1);
    expect(server.resumedFrom.at(-1)).toBe("r1-0");
  });

  it("takes a silent connection for dead", async () => {
    follow(400);
    feed.start();
    await until(live);
    const cut = await until((snapshot) => snapshot.connection.kind === "reconnecting");
    expect(cut.connection).toMatchObject({ reason: "Nothing came from the server for too long." });
    await until(live);
  });

  it("comes back to a server that vanished without a word, whatever was being asked of it", async () => {
    follow(400);
    feed.start();
    await until(live);
    // The stream falls silent, and so does every try to take it up again.
    server.hush(true);
    const pull = state.pulls[0]!;
    server.emitPull(moved(pull, 64));
    const reason = "Nothing came from the server for too long.";
    const isSilent = ({ connection }: FeedSnapshot) =>
      connection.kind === "reconnecting" && connection.reason === reason;
    await until(isSilent);
    const { retryAt } = feed.snapshot().connection as { retryAt: number };
    await until((snapshot) => isSilent(snapshot) && (snapshot.connection as { retryAt: number }).retryAt > retryAt);
    server.hush(false);
    await until((snapshot) => percentOf(snapshot, pull.id) === 64);
    // The same for the list, which is asked for after a restart.
    server.restart();
    server.hush(true);
    await until(isSilent);
    server.hush(false);
    const after = await until((snapshot) => live(snapshot) && snapshot.state?.lastEventId === "r2-0");
    expect(after.state?.entries.size).toBe(3);
  });

  it("gives up a first list that is never answered, and asks again", async () => {
    follow(400);
    server.hush(true);
    feed.start();
    await until((snapshot) => snapshot.connection.kind === "reconnecting");
    server.hush(false);
    expect((await until(live)).state?.entries.size).toBe(3);
  });

  it("without a token it says so, and goes on after signing in", async () => {
    server.require("secret");
    feed.start();
    await until((snapshot) => snapshot.connection.kind === "signed-out");
    await expect(openSession(request, server.url, "wrong")).rejects.toBeInstanceOf(SignedOut);
    await openSession(request, server.url, "secret");
    feed.retry();
    const after = await until(live);
    expect(after.state?.entries.size).toBe(3);
  });

  it("an event that cannot be read is answered with a fresh list, not with half the truth", async () => {
    feed.start();
    await until(live);
    const { pulls } = state;
    state.pulls = pulls.slice(0, 1);
    server.emit("not an event" as never);
    await until((snapshot) => snapshot.state?.entries.size === 1);
    expect(server.listReads()).toBe(2);
  });

  it("a thousand events at once are drawn in a few draws", async () => {
    feed.start();
    await until(live);
    const pull = state.pulls[0]!;
    seen = [];
    for (let turn = 1; turn <= 1000; turn += 1) server.emitPull(moved(pull, turn / 20));
    await until((snapshot) => percentOf(snapshot, pull.id) === 50);
    expect(seen.length).toBeLessThan(200);
  });
});

it.each([
  ["30", 30_000],
  [" 7 ", 7000],
  ["86400", 300_000],
  ["Sat, 21 Nov 2026 03:00:20 GMT", 20_000],
  ["Sat, 21 Nov 2026 02:00:00 GMT", 0],
  ["soon", 0],
  [null, 0],
])("Retry-After %j is %d ms", (header, wait) =>
  expect(retryAfterMs(header, Date.parse("2026-11-21T03:00:00Z"))).toBe(wait),
);
