import { describe, expect, it } from "vitest";
import { createTokenAuthority } from "@waybill/foundation/auth";
import { eventsIn, numberIn, readEvents } from "./testing/event-reader.ts";
import { layerOf, pullOf, reportOf } from "./testing/reports.ts";
import { runningServer } from "./testing/running-server.ts";

const tenants = { known: (name: string): boolean => ["team-a", "team-b"].includes(name) };
const pullFor = (tenant: string, downloaded = 0) =>
  pullOf([layerOf(1, downloaded)], { id: `pull-${tenant}`, imageRef: `registry.example/${tenant}/shop:1` });

describe("GET /api/v1/pulls and /api/v1/nodes", () => {
  it("narrow to a node and to a tenant", async () => {
    const running = await runningServer({ tenants });
    await running.post(reportOf([pullFor("team-a"), pullFor("team-b"), pullFor("nobody")], { nodeName: "n1" }));
    await running.post(reportOf([pullFor("team-a")], { nodeName: "n2" }));
    const shown = async (query: string) => {
      const { pulls, nodes } = await running.list(query);
      return [
        pulls.map(({ nodeName, tenant }) => `${nodeName} ${tenant ?? "-"}`).toSorted(),
        nodes.map(({ nodeName, activePulls }) => `${nodeName} ${activePulls}`),
      ];
    };
    expect(await shown("")).toEqual([
      ["n1 -", "n1 team-a", "n1 team-b", "n2 team-a"],
      ["n1 3", "n2 1"],
    ]);
    expect(await shown("?node=n1")).toEqual([["n1 -", "n1 team-a", "n1 team-b"], ["n1 3"]]);
    expect(await shown("?tenant=team-a")).toEqual([
      ["n1 team-a", "n2 team-a"],
      ["n1 1", "n2 1"],
    ]);
    expect(await shown("?tenant=team-b&node=n2")).toEqual([[], []]);
    expect((await running.get(`/api/v1/pulls?node=${"n".repeat(254)}`)).status).toBe(400);
  });

  it("show running pulls first, newest start first, and forget finished ones after the history's time", async () => {
    const running = await runningServer({ historyTtlMs: 5_000 });
    const at = (seconds: number) => new Date(Date.UTC(2026, 10, 21, 11, 59, seconds)).toISOString();
    const pulls = [
      pullOf([], { id: "a", imageRef: "old", startedAt: at(10) }),
      pullOf([], { id: "b", imageRef: "new", startedAt: at(20) }),
      pullOf([], { id: "c", imageRef: "over", startedAt: at(30), phase: "done", completedAt: at(40) }),
    ];
    await running.post(reportOf(pulls));
    const names = async () => (await running.list()).pulls.map(({ imageRef }) => imageRef);
    expect(await names()).toEqual(["new", "old", "over"]);
    running.pass(5_000);
    expect(await names()).toEqual(["new", "old"]);
    expect((await running.list()).historySeconds).toBe(5);
  });

  it("give a long list in whole", async () => {
    const running = await runningServer();
    const pulls = Array.from({ length: 1_000 }, (_, index) => pullOf([], { id: `p${index}` }));
    await running.post(reportOf(pulls));
    const list = await running.list();
    expect(new Set(list.pulls.map(({ id }) => id)).size).toBe(1_000);
    expect(numberIn(list.lastEventId)).toBe(1_000);
  });
});

describe("a reader who is bound to a tenant", () => {
  it("sees its own pulls in list, nodes and stream, and nothing of another's", async () => {
    const authority = createTokenAuthority({ key: new Uint8Array(32).fill(7) });
    const running = await runningServer({ tenants, authenticator: authority.authenticator });
    const headersFor = async (claims: { roles: ("admin" | "readOnly")[]; tenant?: string }) => ({
      authorization: `Bearer ${(await authority.issue({ subject: "x", ttlSeconds: 60, ...claims })).token}`,
    });
    const admin = await headersFor({ roles: ["admin"] });
    const bound = await headersFor({ roles: ["readOnly"], tenant: "team-a" });

    expect((await running.get("/api/v1/pulls")).status).toBe(401);
    expect((await running.get("/api/v1/events")).status).toBe(401);
    expect((await running.get("/api/v1/nodes")).status).toBe(401);

    const readers = [
      await readEvents(running.url, { headers: admin }),
      await readEvents(running.url, { headers: bound }),
      await readEvents(running.url, { headers: bound, query: "?tenant=team-b" }),
    ];
    await running.post(reportOf([pullFor("team-b")], { nodeName: "secret-node" }));
    await running.post(reportOf([pullFor("team-b"), pullFor("nobody"), pullFor("team-a")]));
    running.pass(1_000);
    await running.post(reportOf([pullFor("team-b", 10), pullFor("nobody", 20), pullFor("team-a", 30)]));
    await readers[1]!.until((messages) => messages.length === 3);
    await readers[0]!.until((messages) => messages.length === 10);

    expect(eventsIn(readers[1]!.messages).map(({ type }) => type)).toEqual([
      "pull.started",
      "layer.started",
      "pull.progress",
    ]);
    expect(JSON.stringify(readers[1]!.messages)).not.toMatch(/team-b|nobody|secret-node/);
    expect(readers[2]!.messages).toEqual([]);
    for (const reader of readers) await reader.close();

    const list = await running.list("", bound);
    expect(list.pulls.map(({ tenant }) => tenant)).toEqual(["team-a"]);
    expect(list.nodes.map(({ nodeName, activePulls }) => [nodeName, activePulls])).toEqual([["node-1", 1]]);
    expect((await running.list("?tenant=team-b", bound)).pulls).toEqual([]);
    expect((await running.list("", admin)).pulls).toHaveLength(4);
  });
});

describe("GET /api/v1/events", () => {
  it("tells a client whose id is too old or of another run to begin anew, and goes on from now", async () => {
    const running = await runningServer({ limits: { ringEvents: 5 } });
    const { lastEventId: tooOld } = await running.list();
    for (let second = 0; second < 10; second += 1) {
      running.pass(1_000);
      await running.post(reportOf([pullOf([layerOf(1, second * 10)])]));
    }
    const { lastEventId } = await running.list();
    for (const id of [tooOld, "0123456789ab-3", "nonsense", `${lastEventId}0`]) {
      const reader = await readEvents(running.url, { lastEventId: id });
      await reader.until((messages) => messages.length > 0);
      expect(reader.messages[0]).toEqual({ id: lastEventId, event: "reset", data: "" });
      expect(reader.lastEventId()).toBe(lastEventId);
      await reader.close();
    }
  });

  it("takes the id from the address too, where a browser's first request can put it; the header wins", async () => {
    const running = await runningServer();
    const { lastEventId } = await running.list();
    await running.post(reportOf([pullOf([layerOf(1, 10)])]));
    const newest = (await running.list()).lastEventId;
    const first = await readEvents(running.url, { query: `?lastEventId=${lastEventId}` });
    await first.until((messages) => messages.length === 2);
    await first.close();
    const again = await readEvents(running.url, { query: `?lastEventId=${lastEventId}`, lastEventId: newest });
    running.pass(1_000);
    await running.post(reportOf([pullOf([layerOf(1, 20)])]));
    await again.until((messages) => messages.length > 0);
    expect(numberIn(again.messages[0]!.id)).toBe(3);
    await again.close();
  });

  it("begins with the present for a client without an id, and gives it one at once", async () => {
    const running = await runningServer();
    await running.post(reportOf([pullOf([layerOf(1, 10)])]));
    const reader = await readEvents(running.url);
    await reader.until(() => reader.lastEventId() !== "");
    expect([numberIn(reader.lastEventId()), reader.messages.length]).toEqual([2, 0]);
    await reader.close();
  });

  it("counts its clients, also when they leave, and refuses those beyond the bound", async () => {
    const running = await runningServer({ limits: { streamClients: 2 } });
    const readers = [await readEvents(running.url), await readEvents(running.url)];
    expect(await running.metric("pulltrace_sse_clients_active")).toBe(2);
    await expect(readEvents(running.url)).rejects.toThrow(/503.*PT-503/);
    for (const reader of readers) await reader.close();
    await expect.poll(() => running.metric("pulltrace_sse_clients_active")).toBe(0);
  });

  it("ends when the server closes", async () => {
    const running = await runningServer();
    const reader = await readEvents(running.url);
    await running.close();
    await expect.poll(() => reader.ended()).toBe(true);
  });
});

describe("metrics", () => {
  it("have the names of the contract and tell the truth of what was reported", async () => {
    const running = await runningServer();
    await running.post(reportOf([]));
    const step = async (...pulls: Parameters<typeof reportOf>[0]) => {
      running.pass(2_000);
      expect((await running.post(reportOf(pulls))).status).toBe(200);
    };
    const done = { phase: "done" } as const;
    await step(
      pullOf([layerOf(1, 0), layerOf(9, 1_000, { phase: "cached" })], { id: "a" }),
      pullOf([layerOf(2, 100)], { id: "b" }),
      pullOf([layerOf(3, 0)], { id: "c" }),
    );
    expect(await running.metric("pulltrace_pulls_active")).toBe(3);
    await step(
      pullOf([layerOf(1, 1_000, done), layerOf(9, 1_000, { phase: "cached" })], { id: "a", ...done }),
      pullOf([layerOf(2, 300)], { id: "b", phase: "failed", error: "write: no space left on device" }),
      pullOf([layerOf(3, 50)], { id: "c" }),
    );
    await step(pullOf([layerOf(3, 60)], { id: "c", phase: "cancelled" }));
    const values = Object.fromEntries(
      await Promise.all(
        [
          "pulltrace_pulls_active",
          "pulltrace_pulls_total",
          "pulltrace_pull_errors_total",
          'pulltrace_pull_failures_total{code="no-space"}',
          'pulltrace_pull_failures_total{code="cancelled"}',
          'pulltrace_pull_failures_total{code="unknown"}',
          "pulltrace_pull_bytes_total",
          "pulltrace_agent_reports_total",
          "pulltrace_agents_connected",
          "pulltrace_sse_clients_active",
          "pulltrace_pull_duration_seconds_count",
          "pulltrace_pull_duration_seconds_sum",
        ].map(async (name) => [name, await running.metric(name)] as const),
      ),
    );
    expect(values).toEqual({
      pulltrace_pulls_active: 0,
      pulltrace_pulls_total: 3,
      pulltrace_pull_errors_total: 2,
      'pulltrace_pull_failures_total{code="no-space"}': 1,
      'pulltrace_pull_failures_total{code="cancelled"}': 1,
      'pulltrace_pull_failures_total{code="unknown"}': 0,
      pulltrace_pull_bytes_total: 1_360,
      pulltrace_agent_reports_total: 4,
      pulltrace_agents_connected: 1,
      pulltrace_sse_clients_active: 0,
      pulltrace_pull_duration_seconds_count: 1,
      pulltrace_pull_duration_seconds_sum: 5,
    });
    const buckets = [1, 5, 10, 30, 60, 120, 300, 600].map((le) =>
      running.metric(`pulltrace_pull_duration_seconds_bucket{le="${le}"}`),
    );
    expect(await Promise.all(buckets)).toEqual([0, 1, 1, 1, 1, 1, 1, 1]);
  });

  it("are the same series whatever agents report: no node, image, tenant or message of theirs is a label", async () => {
    const running = await runningServer();
    const before = await running.series();
    expect(before).toContain("pulltrace_pulls_active");
    for (let node = 0; node < 50; node += 1) {
      const pulls = Array.from({ length: 10 }, (_, at) =>
        pullOf([layerOf(node * 10 + at, 500)], {
          id: `p${at}`,
          imageRef: `registry-${node}.example/tenant-${at}/app:${node}`,
          ...(at % 2 === 0 ? { phase: "failed", error: `cause ${node} "} made_up{x="${at}` } : { phase: "done" }),
        }),
      );
      // What a node's first report tells was counted by an earlier run of the server.
      for (const told of [[], pulls])
        expect((await running.post(reportOf(told, { nodeName: `node-${node}` }))).status).toBe(200);
    }
    expect(await running.metric("pulltrace_pull_errors_total")).toBe(250);
    expect((await running.post({ nodeName: "made up", pulls: [] })).status).toBe(400);
    expect(await running.series()).toEqual(before);
  });
});
