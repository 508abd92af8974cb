import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { createTokenAuthority } from "@waybill/foundation/auth";
import { Problem } from "@waybill/foundation/errors";
import { createClientLimits } from "./client-limits.ts";
import { createListBody, createListSharing } from "./list-body.ts";
import { readEvents } from "./testing/event-reader.ts";
import { pullOf, reportOf } from "./testing/reports.ts";
import { runningServer, type ReportAddress } from "./testing/running-server.ts";
import { storedPull } from "./testing/stored-pull.ts";

const rates = { streamsPerClient: 2, requestsPerClient: 5, reportsPerNode: 5, badReportsPerClient: 1 };
function limitsAt(random = 0) {
  let now = 0;
  const limits = createClientLimits(rates, { now: () => now, random: () => random });
  return { limits, pass: (milliseconds: number): void => void (now += milliseconds) };
}
/** Seconds to wait, as the answer says; 0 when it was let through. */
function waitOf(act: () => unknown): number {
  try {
    act();
    return 0;
  } catch (error) {
    return error instanceof Problem && error.status === 429 ? Number(error.headers["retry-after"]) : Number.NaN;
  }
}

describe("what one client may do", () => {
  it("is so many requests a second, four times as many at once, and others do not feel it", () => {
    const { limits, pass } = limitsAt();
    const ask = (client = "a"): number => waitOf(() => limits.request(client));
    expect(Array.from({ length: 20 }, () => ask())).toEqual(Array.from({ length: 20 }, () => 0));
    expect([ask(), ask("b")]).toEqual([1, 0]);
    pass(1_000);
    expect(Array.from({ length: 6 }, () => ask())).toEqual([0, 0, 0, 0, 0, 1]);
  });

  it("says when to come back, not to all the same", () => {
    const waits = [0, 0.5, 0.99].map((random) => {
      const { limits } = limitsAt(random);
      limits.enter("a");
      limits.enter("a");
      return waitOf(() => limits.enter("a"));
    });
    expect(waits).toEqual([5, 8, 10]);
  });

  it("is so many streams at a time; leaving twice makes no room for two", () => {
    const { limits } = limitsAt();
    const leave = limits.enter("a");
    limits.enter("a");
    expect(waitOf(() => limits.enter("a"))).toBeGreaterThan(0);
    leave();
    leave();
    limits.enter("a");
    expect(waitOf(() => limits.enter("a"))).toBeGreaterThan(0);
  });

  it("keeps a bounded number of clients in mind: who was not seen while 50,000 others were begins anew", () => {
    const { limits } = limitsAt();
    const others = (count: number, from: number): void => {
      for (let client = from; client < from + count; client += 1) limits.request(`client ${client}`);
    };
    const ask = (): number => waitOf(() => limits.request("a"));
    for (let request = 0; request < 20; request += 1) limits.request("a");
    others(20_000, 0);
    expect(ask()).toBe(1);
    others(50_000, 20_000);
    expect(ask()).toBe(0);
  });
});

describe("the pull server", () => {
  it("answers 429 with Retry-After to a client with too many streams or requests; another account is let in", async () => {
    const authority = createTokenAuthority({ key: new Uint8Array(32).fill(7) });
    const running = await runningServer({
      authenticator: authority.authenticator,
      limits: { streamsPerClient: 2, requestsPerClient: 1 },
    });
    const as = async (subject: string) => ({
      authorization: `Bearer ${(await authority.issue({ subject, ttlSeconds: 60, roles: ["admin"] })).token}`,
    });
    const [one, other] = [await as("one"), await as("other")];
    const readers = [
      await readEvents(running.url, { headers: one }),
      await readEvents(running.url, { headers: one, query: "?view=page" }),
    ];
    const refused = await running.get("/api/v1/events", one);
    expect([refused.status, Number(refused.headers.get("retry-after")) > 0]).toEqual([429, true]);
    expect(await refused.json()).toMatchObject({
      code: "PT-429",
      detail: expect.stringContaining("2 streams") as string,
    });
    readers.push(await readEvents(running.url, { headers: other }));
    for (const reader of readers) await reader.close();

    const statuses = await Promise.all(
      Array.from({ length: 12 }, async () => (await running.get("/api/v1/nodes", one)).status),
    );
    expect(statuses.filter((status) => status === 200).length).toBeGreaterThanOrEqual(4);
    expect(statuses).toContain(429);
    expect((await running.get("/api/v1/pulls", other)).status).toBe(200);
  });

  it.each<ReportAddress>(["shared", "own"])(
    "answers 429 to a node that reports far too often, and does not read what a client with only bad reports sends, at the %s address",
    async (reports) => {
      const running = await runningServer({ reports, limits: { reportsPerNode: 1, badReportsPerClient: 1 } });
      const statuses: number[] = [];
      for (let report = 0; report < 14; report += 1) statuses.push((await running.post(reportOf([]))).status);
      expect([statuses.slice(0, 10).every((status) => status === 200), statuses.includes(429)]).toEqual([true, true]);
      expect((await running.post(reportOf([], { nodeName: "other" }))).status).toBe(200);
      const bad: number[] = [];
      for (let report = 0; report < 30; report += 1) bad.push((await running.post("{")).status);
      expect([bad[0], bad.at(-1)]).toEqual([400, 429]);
    },
  );

  it("gives the list gzip'ed to who accepts it, the same list", async () => {
    const running = await runningServer();
    const pulls = Array.from({ length: 700 }, (_, index) => pullOf([], { id: `p${index}` }));
    await running.post(reportOf(pulls));
    const read = async (encoding: string) => {
      const answer = await running.get("/api/v1/pulls", { "accept-encoding": encoding });
      return { encoding: answer.headers.get("content-encoding"), list: await answer.json() };
    };
    const [packed, plain] = [await read("gzip"), await read("identity")];
    expect([packed.encoding, plain.encoding]).toEqual(["gzip", null]);
    expect(packed.list).toEqual(plain.list);
  });
});

describe("a long list", () => {
  const rest = { lastEventId: "r-1", nodes: [], serverTime: "2026-11-21T12:00:00Z", historySeconds: 1 };
  const pulls = Array.from({ length: 5_000 }, (_, number) => storedPull(number, 0).status);
  it("is given to others who ask in the same moment, and to nobody later", () => {
    let now = 0;
    let made = 0;
    const lists = createListSharing(() => now);
    const make = () => {
      made += 1;
      now += 50;
      return createListBody(pulls, rest);
    };
    expect(lists.get("a", make)).toBe(lists.get("a", make));
    lists.get("b", make);
    expect(made).toBe(2);
    now += 600;
    lists.get("a", make);
    expect(made).toBe(3);
    lists.close();
  });

  it("is no rule for short ones: each is made anew", () => {
    const lists = createListSharing(() => 0);
    const make = () => createListBody([], rest);
    expect(lists.get("a", make)).not.toBe(lists.get("a", make));
    lists.close();
  });

  it("is whole gzip, sum and length included", async () => {
    const body = createListBody([], rest);
    const packed = Buffer.from(await new Response(body.stream(true)).arrayBuffer());
    expect(JSON.parse(gunzipSync(packed).toString())).toEqual({ pulls: [], ...rest });
  });
});
