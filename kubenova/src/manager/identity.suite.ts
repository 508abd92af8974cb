import { createTokenAuthority } from "@waybill/foundation/auth";
import { testDatabaseUrl, type DatabaseKind } from "@waybill/foundation/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { tenantBoundRoles, type Cluster, type Tenant } from "../contract/index.ts";
import { startTestManager, type Reply, type TestManager } from "./testing/index.ts";

/** Who may do what, as it is answered over HTTP. */
export function identitySuite(kind: DatabaseKind): void {
  describe(`callers on ${kind}`, () => {
    let server: TestManager;
    let drop: () => Promise<void>;
    let cluster: Cluster;
    let mine: Tenant;
    let theirs: Tenant;
    beforeAll(async () => {
      const database = await testDatabaseUrl(kind);
      drop = () => database.drop();
      server = await startTestManager(database.url);
      cluster = await server.newCluster();
      mine = await server.newTenant(cluster, { name: "mine" });
      theirs = await server.newTenant(cluster, { name: "theirs" });
    });
    afterAll(async () => {
      await server.close();
      await drop();
    });

    const pathOf = (tenant: Tenant): string => `/api/v1/clusters/${tenant.clusterId}/tenants/${tenant.id}`;
    const nobody = "/00000000-0000-4000-8000-000000000000";
    /** A problem without what differs from call to call. */
    const told = (reply: Reply): unknown => ({ status: reply.status, ...reply.json, instance: "" });

    async function mint(token: string, body: object): Promise<Reply> {
      return server.call("POST", "/api/v1/tokens", { token, body });
    }

    describe.each(tenantBoundRoles)("a %s", (role) => {
      it("reads its own tenant, and of another's learns not even that it exists", async () => {
        const token = await server.token(role, mine);
        expect((await server.call("GET", pathOf(mine), { token })).json).toEqual(mine);
        const other = await server.call("GET", pathOf(theirs), { token });
        const none = await server.call("GET", `/api/v1/clusters/${cluster.id}/tenants${nobody}`, { token });
        expect(other.status).toBe(404);
        expect(told(other)).toEqual(told(none));
        expect(other.text).not.toContain("theirs");
      });

      it("lists its own tenant alone, and finds no other cluster", async () => {
        const token = await server.token(role, mine);
        for (const query of ["", "?limit=1", "?labelSelector=!x"]) {
          const list = await server.call("GET", `/api/v1/clusters/${cluster.id}/tenants${query}`, { token });
          expect(list.json).toEqual({ items: [mine] });
          expect(list.headers.get("x-next-cursor")).toBeNull();
        }
        const elsewhere = await server.newCluster();
        const there = await server.call("GET", `/api/v1/clusters/${elsewhere.id}/tenants`, { token });
        const none = await server.call("GET", `/api/v1/clusters${nobody}/tenants`, { token });
        expect(there.status).toBe(404);
        expect(told(there)).toEqual(told(none));
      });

      it("gains nothing from a cursor of an operator's list", async () => {
        const token = await server.token(role, mine);
        const path = `/api/v1/clusters/${cluster.id}/tenants?limit=1`;
        const next = (await server.call("GET", path, { token: server.admin })).headers.get("x-next-cursor")!;
        expect((await server.call("GET", `${path}&cursor=${next}`, { token })).status).toBe(400);
      });

      it("makes no tokens, clusters or tenants, reads no clusters, and deletes nothing of others", async () => {
        const token = await server.token(role, mine);
        expect((await mint(token, { subject: "x", roles: [role], tenant: mine.id })).status).toBe(403);
        const create = { token, body: { name: "new" } };
        expect((await server.call("POST", "/api/v1/clusters", create)).status).toBe(403);
        expect((await server.call("POST", `/api/v1/clusters/${cluster.id}/tenants`, create)).status).toBe(403);
        expect((await server.call("GET", "/api/v1/clusters", { token })).status).toBe(403);
        expect((await server.call("GET", `/api/v1/clusters/${cluster.id}`, { token })).status).toBe(403);
        expect((await server.call("DELETE", `/api/v1/clusters/${cluster.id}`, { token })).status).toBe(403);
        expect([403, 404]).toContain((await server.call("DELETE", pathOf(theirs), { token })).status);
        expect((await server.call("GET", pathOf(theirs), { token: server.admin })).status).toBe(200);
      });
    });

    it("an owner may delete their own tenant; from then on its tokens open nothing", async () => {
      const tenant = await server.newTenant(cluster);
      const reader = await server.token("readOnly", tenant);
      const owner = await server.token("tenantOwner", tenant);
      expect((await server.call("DELETE", pathOf(tenant), { token: reader })).status).toBe(403);
      expect((await server.call("DELETE", pathOf(tenant), { token: owner })).status).toBe(204);
      for (const token of [reader, owner]) expect((await server.call("GET", "/api/v1/me", { token })).status).toBe(401);
      // Whoever is given the name next is safe from them.
      await server.newTenant(cluster, { name: tenant.name });
      expect(await server.manager.authenticator({ bearer: owner })).toBeUndefined();
    });

    it("a made token is its subject, with its roles, until it ends", async () => {
      const made = await mint(server.admin, { subject: "ci", roles: ["projectDev"], tenant: mine.id, ttlMinutes: 5 });
      expect(made.status).toBe(201);
      expect(made.headers.get("cache-control")).toBe("no-store");
      const left = Date.parse(made.json?.["expiresAt"] as string) - Date.now();
      expect(left).toBeGreaterThan(3 * 60_000);
      expect(left).toBeLessThanOrEqual(5 * 60_000);
      const me = await server.call("GET", "/api/v1/me", { token: made.json?.["token"] as string });
      expect(me.json).toEqual({
        subject: "ci",
        roles: ["projectDev"],
        tenantId: mine.id,
        tenant: "mine",
        anonymous: false,
      });
    });

    it("ops makes tokens, but none for an admin", async () => {
      const ops = await server.token("ops");
      expect((await mint(ops, { subject: "x", roles: ["ops"] })).status).toBe(201);
      expect((await mint(ops, { subject: "x", roles: ["tenantOwner"], tenant: mine.id })).status).toBe(201);
      for (const roles of [["admin"], ["ops", "admin"]]) {
        expect((await mint(ops, { subject: "x", roles })).status).toBe(403);
      }
    });

    it("a token for a tenant that does not exist is refused, pointing at it", async () => {
      const reply = await mint(server.admin, { subject: "x", roles: ["readOnly"], tenant: cluster.id });
      expect(reply).toMatchObject({ status: 422, json: { errors: [{ pointer: "/tenant" }] } });
    });

    it("a token of another key, an altered one, and one that has ended prove nothing", async () => {
      const stranger = createTokenAuthority({ key: new Uint8Array(32) });
      const forged = await stranger.issue({ subject: "x", roles: ["admin"], ttlSeconds: 60 });
      const [head, body, signature] = server.admin.split(".");
      const none = Buffer.from('{"alg":"none","typ":"JWT"}').toString("base64url");
      const bad = [forged.token, `${head}.${body}.`, `${none}.${body}.`, `${head}.${body}A.${signature}`, "x", "a.b.c"];
      for (const token of bad) expect((await server.call("GET", "/api/v1/me", { token })).status).toBe(401);
    });

    describe("a browser's session", () => {
      it("reads with a cookie that scripts and other sites cannot use, and changes nothing with it", async () => {
        const begun = await server.call("POST", "/api/v1/session", { body: { token: server.admin } });
        expect(begun).toMatchObject({ status: 200, json: { subject: "admin-1", roles: ["admin"] } });
        const cookie = begun.headers.get("set-cookie")!;
        expect(cookie).toMatch(/; HttpOnly; SameSite=Strict; Max-Age=3[0-9]{3}$/u);
        const headers = { cookie: cookie.split(";")[0] ?? "" };
        expect((await server.call("GET", "/api/v1/me", { headers })).json).toMatchObject({ subject: "admin-1" });
        const body = { name: "by-cookie" };
        expect((await server.call("POST", "/api/v1/clusters", { headers, body })).status).toBe(401);
        const ended = await server.call("DELETE", "/api/v1/session", { headers });
        expect(ended.status).toBe(204);
        expect(ended.headers.get("set-cookie")).toMatch(/^waybill_session=;.*Max-Age=0/u);
      });

      it("is marked Secure behind HTTPS", async () => {
        const headers = { "x-forwarded-proto": "https" };
        const begun = await server.call("POST", "/api/v1/session", { body: { token: server.admin }, headers });
        expect(begun.headers.get("set-cookie")).toContain("; Secure");
      });

      it("is not begun with a token that proves nothing, nor by a form of another site", async () => {
        const wrong = await server.call("POST", "/api/v1/session", { body: { token: "x" } });
        expect(wrong.status).toBe(401);
        expect(wrong.headers.get("set-cookie")).toBeNull();
        const raw = JSON.stringify({ token: server.admin });
        const form = await server.call("POST", "/api/v1/session", { raw, headers: { "content-type": "text/plain" } });
        expect(form.status).toBe(415);
      });
    });
  });

  it(`without authentication on ${kind}, everybody is the anonymous admin and tokens say how to turn it on`, async () => {
    const database = await testDatabaseUrl(kind);
    const server = await startTestManager(database.url, { authentication: false });
    const me = await server.call("GET", "/api/v1/me");
    expect(me.json).toEqual({ subject: "anonymous", roles: ["admin"], anonymous: true });
    expect((await server.call("GET", "/features")).json).toMatchObject({ authentication: false, tokens: false });
    await server.newTenant(await server.newCluster());
    for (const [path, body] of [
      ["/api/v1/tokens", { subject: "x", roles: ["admin"] }],
      ["/api/v1/session", { token: "x" }],
    ] as const) {
      const reply = await server.call("POST", path, { body });
      expect(reply).toMatchObject({ status: 409, json: { detail: expect.stringContaining("JWT_SIGNING_KEY") } });
    }
    await server.close();
    await database.drop();
  });
}
