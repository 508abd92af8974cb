import { randomUUID } from "node:crypto";
import { testDatabaseUrl, type DatabaseKind } from "@waybill/foundation/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Cluster } from "../contract/index.ts";
import { idempotencyHeader, KeptAnswers, keyLifetimeMs, replayedHeader } from "./requests/index.ts";
import { startTestManager, type Reply, type TestManager } from "./testing/index.ts";

/** Repeated calls, on every database. */
export function idempotencySuite(kind: DatabaseKind): void {
  describe(`a repeated call on ${kind}`, () => {
    let now = Date.now();
    let url: string;
    let server: TestManager;
    let drop: () => Promise<void>;
    let cluster: Cluster;
    beforeAll(async () => {
      const database = await testDatabaseUrl(kind);
      drop = () => database.drop();
      url = database.url;
      server = await startTestManager(url, { clock: () => now });
      cluster = await server.newCluster();
    });
    afterAll(async () => {
      await server.close();
      await drop();
    });

    async function create(key: string, name: string, on: TestManager = server, token = server.admin): Promise<Reply> {
      const headers = { [idempotencyHeader]: key };
      return on.call("POST", `/api/v1/clusters/${cluster.id}/tenants`, { token, body: { name }, headers });
    }

    async function countOf(name: string): Promise<number> {
      const rows = await server.database.read
        .selectFrom("kubenova_tenants")
        .select("id")
        .where("name", "=", name)
        .execute();
      return rows.length;
    }

    const isReplay = (reply: Reply): boolean => reply.headers.get(replayedHeader) === "true";

    /** Holds the cluster's row (on SQLite: the writer) until `release` is called, so that changes on it wait. */
    async function block(): Promise<() => Promise<void>> {
      let release = (): void => undefined;
      const released = new Promise<void>((resolve) => {
        release = resolve;
      });
      let held = (): void => undefined;
      const holding = new Promise<void>((resolve) => {
        held = resolve;
      });
      const done = server.database.transaction(async (tx) => {
        await tx
          .updateTable("kubenova_clusters")
          .set({ status: "pending_bootstrap" })
          .where("id", "=", cluster.id)
          .execute();
        held();
        await released;
      });
      await holding;
      return async () => {
        release();
        await done;
      };
    }

    it("is answered as the first time and changes nothing again", async () => {
      const before = await server.events.newest();
      const [first, second] = [await create("k-1", "once"), await create("k-1", "once")];
      expect(first.status).toBe(201);
      expect(isReplay(first)).toBe(false);
      expect([second.status, second.text]).toEqual([201, first.text]);
      expect(isReplay(second)).toBe(true);
      for (const name of ["etag", "location", "content-type"])
        expect(second.headers.get(name)).toBe(first.headers.get(name));
      expect(await countOf("once")).toBe(1);
      expect((await server.events.newest()) - before).toBe(1);
    });

    it("sees the same request in another order of fields", async () => {
      const headers = { [idempotencyHeader]: "k-order", "content-type": "application/json" };
      const path = `/api/v1/clusters/${cluster.id}/tenants`;
      const raws = ['{"name":"order","labels":{"a":"1","b":"2"}}', ' { "labels": {"b":"2", "a":"1"}, "name":"order" }'];
      const replies: Reply[] = [];
      for (const raw of raws) replies.push(await server.call("POST", path, { token: server.admin, raw, headers }));
      expect(replies.map(({ status }) => status)).toEqual([201, 201]);
      expect(replies.map(isReplay)).toEqual([false, true]);
    });

    it("with another body is refused with 422", async () => {
      expect((await create("k-2", "body-one")).status).toBe(201);
      expect((await create("k-2", "body-two")).status).toBe(422);
      expect(await countOf("body-two")).toBe(0);
    });

    it("of another caller, or on another path, is another call", async () => {
      expect((await create("k-3", "of-admin")).status).toBe(201);
      const ops = await server.token("ops");
      const other = await create("k-3", "of-ops", server, ops);
      expect([other.status, isReplay(other)]).toEqual([201, false]);
      const headers = { [idempotencyHeader]: "k-3" };
      const elsewhere = await server.call("POST", "/api/v1/clusters", {
        token: server.admin,
        body: { name: "elsewhere" },
        headers,
      });
      expect([elsewhere.status, isReplay(elsewhere)]).toEqual([201, false]);
    });

    it("after a refusal is a first call: nothing was changed, nothing is kept", async () => {
      expect((await create("k-4", "Not A Name")).status).toBe(400);
      await create(randomUUID(), "taken");
      expect((await create("k-4", "taken")).status).toBe(409);
      expect((await create("k-4", "free")).status).toBe(201);
    });

    it("of a deletion is answered 204 again", async () => {
      const tenant = await server.newTenant(cluster);
      const options = { token: server.admin, headers: { [idempotencyHeader]: "k-5" } };
      const path = `/api/v1/clusters/${cluster.id}/tenants/${tenant.id}`;
      const [first, second] = [await server.call("DELETE", path, options), await server.call("DELETE", path, options)];
      expect([first.status, second.status, isReplay(second)]).toEqual([204, 204, true]);
      const other = { token: server.admin, headers: { ...options.headers, "if-match": '"x"' } };
      expect((await server.call("DELETE", path, other)).status).toBe(422);
      expect((await server.call("DELETE", path, { token: server.admin })).status).toBe(404);
    });

    it("with a malformed key is refused with 400 on every mutating route", async () => {
      const headers = { [idempotencyHeader]: "a b" };
      const tenant = await server.newTenant(cluster);
      for (const [method, path, body] of [
        ["POST", "/api/v1/clusters", { name: "x" }],
        ["POST", `/api/v1/clusters/${cluster.id}/tenants`, { name: "x" }],
        ["DELETE", `/api/v1/clusters/${cluster.id}/tenants/${tenant.id}`, undefined],
        ["DELETE", `/api/v1/clusters/${cluster.id}`, undefined],
        ["POST", "/api/v1/tokens", { subject: "x", roles: ["ops"] }],
        ["POST", "/api/v1/session", { token: server.admin }],
        ["DELETE", "/api/v1/session", undefined],
      ] as const) {
        const reply = await server.call(method, path, {
          token: server.admin,
          headers,
          ...(body === undefined ? {} : { body }),
        });
        expect(reply).toMatchObject({
          status: 400,
          json: { code: "KN-400", detail: expect.stringContaining(idempotencyHeader) },
        });
      }
    });

    it("while the first is running is told so with 409, and replayed afterwards", async () => {
      const unblock = await block();
      const early: number[] = [];
      const calls = Array.from({ length: 5 }, async () => {
        const reply = await create("k-6", "slow");
        early.push(reply.status);
        return reply;
      });
      await expect.poll(() => early).toEqual([409, 409, 409, 409]);
      await unblock();
      const statuses = (await Promise.all(calls)).map(({ status }) => status);
      expect(statuses.toSorted((a, b) => a - b)).toEqual([201, 409, 409, 409, 409]);
      const again = await create("k-6", "slow");
      expect([again.status, isReplay(again)]).toEqual([201, true]);
      expect(await countOf("slow")).toBe(1);
    });

    it("through another process never makes it twice", async () => {
      const other = await startTestManager(url, { clock: () => now });
      const unblock = await block();
      const first = create("k-7", "two-doors");
      const second = create("k-7", "two-doors", other);
      await unblock();
      const replies = await Promise.all([first, second]);
      const made = replies.filter((reply) => reply.status === 201 && !isReplay(reply));
      expect(made.length).toBe(1);
      expect(replies.every((reply) => reply.status === 409 || reply.text === made[0]?.text)).toBe(true);
      expect(await countOf("two-doors")).toBe(1);
      const again = await create("k-7", "two-doors", other);
      expect([again.status, isReplay(again), again.text]).toEqual([201, true, made[0]?.text]);
      await other.close();
    });

    it("twenty times at once makes it once", async () => {
      const replies = await Promise.all(Array.from({ length: 20 }, () => create("k-8", "crowd")));
      const made = replies.filter((reply) => reply.status === 201 && !isReplay(reply));
      expect(made.length).toBe(1);
      expect(replies.every((reply) => reply.status === 409 || reply.text === made[0]?.text)).toBe(true);
      expect(await countOf("crowd")).toBe(1);
    });

    it("of a token gives a token of the same end, and none is kept in the database", async () => {
      const options = {
        token: server.admin,
        body: { subject: "ci", roles: ["ops"], ttlMinutes: 30 },
        headers: { [idempotencyHeader]: "k-9" },
      };
      now = Date.now();
      const first = await server.call("POST", "/api/v1/tokens", options);
      now = Date.now();
      const second = await server.call("POST", "/api/v1/tokens", options);
      const ends = [first, second].map(({ json }) => Date.parse(json?.["expiresAt"] as string));
      expect([first.status, second.status, isReplay(second)]).toEqual([201, 201, true]);
      // Tokens end on whole seconds.
      expect(Math.abs(ends[0]! - ends[1]!)).toBeLessThanOrEqual(1000);
      const me = await server.call("GET", "/api/v1/me", { token: second.json?.["token"] as string });
      expect(me.json).toMatchObject({ subject: "ci", roles: ["ops"] });
      const kept = await server.database.read.selectFrom("kubenova_idempotency_keys").selectAll().execute();
      const events = await server.events.read({ after: 0, limit: 1000 });
      const everything = JSON.stringify([kept, events]);
      for (const { json } of [first, second]) {
        expect(everything).not.toContain(String(json?.["token"]).split(".")[2]);
      }
    });

    it("after a day is a first call again, and what has expired is swept away", async () => {
      expect((await create("k-10", "yesterday")).status).toBe(201);
      now += keyLifetimeMs - 1;
      expect(isReplay(await create("k-10", "yesterday"))).toBe(true);
      now += 1;
      expect((await create("k-10", "yesterday")).status).toBe(409);
      expect((await create("k-10", "today")).status).toBe(201);
      await new KeptAnswers(server.database, () => now).sweep();
      const left = await server.database.read.selectFrom("kubenova_idempotency_keys").select("key").execute();
      expect(left.map(({ key }) => key)).toEqual(["k-10"]);
    });
  });
}
