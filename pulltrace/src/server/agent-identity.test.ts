import { Problem } from "@waybill/foundation/errors";
import { describe, expect, it } from "vitest";
import { checkSpeaker, reviewedAgents, type AgentIdentityOptions, type ReviewedAgent } from "./agent-identity.ts";
import { runningServer, type ReportAddress } from "./testing/running-server.ts";

const onNode = (node: string, username = "system:serviceaccount:pulltrace:agent"): ReviewedAgent => ({
  username,
  extra: { "authentication.kubernetes.io/node-name": [node] },
});

function agents(known: Readonly<Record<string, ReviewedAgent>>) {
  const state = { now: 0, asked: 0, down: false, known: { ...known } as Record<string, ReviewedAgent> };
  const options: AgentIdentityOptions = {
    review: async (token) => {
      state.asked += 1;
      await Promise.resolve();
      if (state.down) throw new Error("connection refused");
      return state.known[token];
    },
    serviceAccounts: ["pulltrace/agent"],
    clock: () => state.now,
  };
  const identity = reviewedAgents(options);
  const statusOf = (authorization: string | undefined): Promise<number | string> =>
    identity.nodeOf(authorization).catch((error: unknown) => (error instanceof Problem ? error.status : String(error)));
  return { options, identity, state, statusOf };
}

describe("an agent by the token of its service account", () => {
  it("is on the node that Kubernetes says", async () => {
    const { identity } = agents({ one: onNode("node-1"), two: onNode("node-2") });
    expect(await identity.nodeOf("Bearer one")).toBe("node-1");
    expect(await identity.nodeOf("bearer two")).toBe("node-2");
  });

  it("is nobody without a token, with another scheme, an unknown or an endless one", async () => {
    const { statusOf, state } = agents({});
    for (const header of [undefined, "", "Bearer", "Basic b25l", "Bearer one two", `Bearer ${"x".repeat(20_000)}`])
      expect(await statusOf(header)).toBe(401);
    expect(state.asked).toBe(0);
    expect(await statusOf("Bearer unknown")).toBe(401);
  });

  it("is refused as another service account, and without a node", async () => {
    const { statusOf } = agents({
      other: onNode("node-1", "system:serviceaccount:default:agent"),
      person: onNode("node-1", "pulltrace:agent"),
      nodeless: { username: "system:serviceaccount:pulltrace:agent", extra: {} },
    });
    for (const token of ["other", "person", "nodeless"]) expect(await statusOf(`Bearer ${token}`)).toBe(403);
  });

  it("is asked for once a minute, also when its reports come at the same time; a stranger once in ten seconds", async () => {
    const { identity, statusOf, state } = agents({ one: onNode("node-1") });
    await Promise.all([1, 2, 3].map(() => identity.nodeOf("Bearer one")));
    state.now = 59_000;
    await identity.nodeOf("Bearer one");
    expect(state.asked).toBe(1);
    state.now = 61_000;
    await identity.nodeOf("Bearer one");
    expect(state.asked).toBe(2);
    await statusOf("Bearer stranger");
    await statusOf("Bearer stranger");
    expect(state.asked).toBe(3);
  });

  it("is out within a minute of its pod's end", async () => {
    const { identity, statusOf, state } = agents({ one: onNode("node-1") });
    await identity.nodeOf("Bearer one");
    delete state.known["one"];
    state.now = 61_000;
    expect(await statusOf("Bearer one")).toBe(401);
  });

  it("stays known for ten minutes while Kubernetes is away; a new one has to wait, and is asked for at once after", async () => {
    const { identity, statusOf, state } = agents({ one: onNode("node-1"), two: onNode("node-2") });
    await identity.nodeOf("Bearer one");
    state.down = true;
    state.now = 300_000;
    expect(await identity.nodeOf("Bearer one")).toBe("node-1");
    expect(await statusOf("Bearer two")).toBe(503);
    state.now = 601_000;
    expect(await statusOf("Bearer one")).toBe(503);
    state.down = false;
    expect(await identity.nodeOf("Bearer two")).toBe("node-2");
  });

  it("speaks for its own node only", () => {
    expect(() => checkSpeaker("node-1", "node-1")).not.toThrow();
    expect(() => checkSpeaker("node-1", "node-2")).toThrow("may not report for another one");
  });
});

describe.each<ReportAddress>(["shared", "own"])("the server that knows its agents, at the %s address", (reports) => {
  it("takes a report for the agent's own node, and refuses all others before and after it reads them", async () => {
    const { options } = agents({ one: onNode("node-1") });
    const server = await runningServer({ agents: options, reports });
    const send = (nodeName: string, headers: Record<string, string>): Promise<Response> =>
      server.post({ nodeName, timestamp: new Date().toISOString(), pulls: [] }, headers);
    const bearer = { authorization: "Bearer one" };
    expect((await send("node-1", bearer)).status).toBe(200);
    const another = await send("node-2", bearer);
    expect(another.status).toBe(403);
    expect(await another.json()).toMatchObject({
      code: "PT-403",
      detail: expect.stringContaining("an agent on the node node-1; it may not report for another") as string,
    });
    const stranger = await send("node-1", {});
    expect(stranger.status).toBe(401);
    expect(stranger.headers.get("www-authenticate")).toBe("Bearer");
    expect((await server.post("no report", { authorization: "Bearer two" })).status).toBe(401);
    expect((await server.nodes()).map(({ nodeName }) => nodeName)).toEqual(["node-1"]);
  });

  it("does not let one agent's bad reports hold up another's that comes from the same address", async () => {
    const { options } = agents({ one: onNode("node-1"), two: onNode("node-2") });
    const server = await runningServer({ agents: options, reports, limits: { badReportsPerClient: 1 } });
    // As often as it takes, whatever else the machine does.
    const statusesUntil429 = async (send: (turn: number) => Promise<Response>): Promise<readonly number[]> => {
      const statuses: number[] = [];
      while (statuses.at(-1) !== 429 && statuses.length < 2_000) statuses.push((await send(statuses.length)).status);
      return statuses;
    };
    const bad = await statusesUntil429(() => server.post("{", { authorization: "Bearer one" }));
    expect([bad[0], bad.at(-1)]).toEqual([400, 429]);
    const body = { nodeName: "node-2", timestamp: new Date().toISOString(), pulls: [] };
    expect((await server.post(body, { authorization: "Bearer two" })).status).toBe(200);
    const strangers = await statusesUntil429((turn) => server.post(body, { authorization: `Bearer stranger-${turn}` }));
    expect([strangers[0], strangers.at(-1)]).toEqual([401, 429]);
  });
});
