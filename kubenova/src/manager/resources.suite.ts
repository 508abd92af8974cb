import { testDatabaseUrl, type DatabaseKind } from "@waybill/foundation/testing";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { parseLabelSelector, selects, type Cluster, type Labels, type Tenant } from "../contract/index.ts";
import { startTestManager, type TestManager } from "./testing/index.ts";

function names(json: Record<string, unknown> | undefined): string[] {
  return z
    .object({ items: z.array(z.object({ name: z.string() })) })
    .parse(json)
    .items.map(({ name }) => name);
}

/** Clusters and tenants as every database must keep them. */
export function resourceSuite(kind: DatabaseKind): void {
  describe(`clusters and tenants on ${kind}`, () => {
    let server: TestManager;
    let drop: () => Promise<void>;
    beforeAll(async () => {
      const database = await testDatabaseUrl(kind);
      drop = () => database.drop();
      server = await startTestManager(database.url);
    });
    afterAll(async () => {
      await server.close();
      await drop();
    });

    const as = (token: string) => ({ token });
    const tenantsOf = (cluster: Cluster): string => `/api/v1/clusters/${cluster.id}/tenants`;
    const pathOf = (tenant: Tenant): string => `/api/v1/clusters/${tenant.clusterId}/tenants/${tenant.id}`;

    it("a cluster is made, read, listed and deleted", async () => {
      const body = { name: "frankfurt-1", datacenter: "fra1", labels: { tier: "production" } };
      const made = await server.call("POST", "/api/v1/clusters", { token: server.admin, body });
      expect(made).toMatchObject({ status: 201, json: { ...body, status: "pending_bootstrap" } });
      const path = made.headers.get("location")!;
      const read = await server.call("GET", path, as(server.admin));
      expect(read).toMatchObject({ status: 200, json: made.json });
      expect(read.headers.get("etag")).toBe(made.headers.get("etag"));
      const listed = await server.call("GET", "/api/v1/clusters?labelSelector=tier%3Dproduction", as(server.admin));
      expect(names(listed.json)).toEqual(["frankfurt-1"]);
      expect((await server.call("DELETE", path, as(server.admin))).status).toBe(204);
      expect((await server.call("GET", path, as(server.admin))).status).toBe(404);
      expect((await server.call("DELETE", path, as(server.admin))).status).toBe(404);
    });

    it("a cluster's name is taken once", async () => {
      const { name } = await server.newCluster();
      expect((await server.call("POST", "/api/v1/clusters", { token: server.admin, body: { name } })).status).toBe(409);
    });

    it("the installation's own cluster is made once, whoever asks first", async () => {
      const made = await Promise.all([1, 2, 3].map(() => server.manager.ensureCluster("local")));
      expect(new Set(made.map(({ id }) => id)).size).toBe(1);
    });

    it("a cluster stays while tenants live on it", async () => {
      const cluster = await server.newCluster();
      const tenant = await server.newTenant(cluster);
      const path = `/api/v1/clusters/${cluster.id}`;
      const refused = await server.call("DELETE", path, as(server.admin));
      expect(refused).toMatchObject({ status: 409, json: { detail: expect.stringContaining("1 tenant lives") } });
      expect((await server.call("DELETE", pathOf(tenant), as(server.admin))).status).toBe(204);
      expect((await server.call("DELETE", path, as(server.admin))).status).toBe(204);
    });

    it("no tenant is left without its cluster when one comes while the other goes", async () => {
      for (let round = 0; round < 10; round++) {
        const cluster = await server.newCluster();
        const [made, deleted] = await Promise.all([
          server.call("POST", tenantsOf(cluster), { token: server.admin, body: { name: "acme" } }),
          server.call("DELETE", `/api/v1/clusters/${cluster.id}`, as(server.admin)),
        ]);
        expect([
          [201, 409],
          [404, 204],
        ]).toContainEqual([made.status, deleted.status]);
      }
    });

    it("a tenant keeps what it was given and gets what it was not", async () => {
      const cluster = await server.newCluster();
      const given = {
        name: "acme",
        owners: [{ kind: "User", name: "alice@acme.example" }],
        plan: "gold",
        labels: { tier: "gold" },
        quotas: { "requests.cpu": "6" },
        limits: { memory: "4Gi" },
        networkPolicies: [{ podSelector: {}, policyTypes: ["Ingress"] }],
      };
      const full = await server.newTenant(cluster, given);
      expect(full).toMatchObject({
        ...given,
        clusterId: cluster.id,
        ownerNamespace: "acme-owner",
        appsNamespace: "acme-apps",
      });
      expect((await server.call("GET", pathOf(full), as(server.admin))).json).toEqual(full);
      const bare = await server.newTenant(cluster, { name: "bare" });
      expect(bare).toMatchObject({
        plan: "baseline",
        owners: [],
        labels: {},
        quotas: {},
        limits: {},
        networkPolicies: [],
      });
    });

    it("a tenant's name is taken once in a cluster, and free on another", async () => {
      const [here, there] = [await server.newCluster(), await server.newCluster()];
      await server.newTenant(here, { name: "acme" });
      const body = { name: "acme" };
      expect((await server.call("POST", tenantsOf(here), { token: server.admin, body })).status).toBe(409);
      expect((await server.call("POST", tenantsOf(there), { token: server.admin, body })).status).toBe(201);
    });

    it("a tenant is not found through another cluster's path", async () => {
      const [here, there] = [await server.newCluster(), await server.newCluster()];
      const tenant = await server.newTenant(here);
      const wrong = `${tenantsOf(there)}/${tenant.id}`;
      expect((await server.call("GET", wrong, as(server.admin))).status).toBe(404);
      expect((await server.call("DELETE", wrong, as(server.admin))).status).toBe(404);
    });

    it("an id in capitals is the same id", async () => {
      const tenant = await server.newTenant(await server.newCluster());
      const path = pathOf(tenant).replaceAll(/[0-9a-f-]{36}/gu, (id) => id.toUpperCase());
      expect((await server.call("GET", path, as(server.admin))).json).toEqual(tenant);
    });

    it("an entity tag saves a read and guards a deletion", async () => {
      const tenant = await server.newTenant(await server.newCluster());
      const path = pathOf(tenant);
      const etag = (await server.call("GET", path, as(server.admin))).headers.get("etag")!;
      const unchanged = await server.call("GET", path, { token: server.admin, headers: { "if-none-match": etag } });
      expect([unchanged.status, unchanged.text]).toEqual([304, ""]);
      const attempt = async (ifMatch: string): Promise<number> =>
        (await server.call("DELETE", path, { token: server.admin, headers: { "if-match": ifMatch } })).status;
      expect(await attempt('"another"')).toBe(412);
      expect(await attempt("nonsense")).toBe(400);
      expect((await server.call("GET", path, as(server.admin))).status).toBe(200);
      expect(await attempt(etag)).toBe(204);
      expect(await attempt("*")).toBe(404);
    });

    describe("a list", () => {
      const all = Array.from({ length: 120 }, (_, i) => `t-${String(i).padStart(3, "0")}`);
      let cluster: Cluster;
      beforeAll(async () => {
        cluster = await server.newCluster();
        for (const [i, name] of all.entries()) {
          await server.newTenant(cluster, { name, labels: { parity: i % 2 === 0 ? "even" : "odd" } });
        }
      });

      async function follow(query: string): Promise<string[][]> {
        const pages: string[][] = [];
        for (let cursor = ""; pages.length < 50;) {
          const page = await server.call("GET", `${tenantsOf(cluster)}?${query}${cursor}`, as(server.admin));
          pages.push(names(page.json));
          const next = page.headers.get("x-next-cursor");
          if (next === null) return pages;
          cursor = `&cursor=${next}`;
        }
        throw new Error("the list has no end");
      }

      it("shows each tenant once, in order, whatever the pages' size", async () => {
        for (const [limit, sizes] of [
          [7, 18],
          [40, 3],
          [120, 1],
          [200, 1],
        ] as const) {
          const pages = await follow(`limit=${limit}`);
          expect(pages.flat()).toEqual(all);
          expect(pages.length).toBe(sizes);
        }
      });

      it("has 50 entries a page unless told otherwise", async () => {
        expect((await follow("")).map((page) => page.length)).toEqual([50, 50, 20]);
      });

      it("goes on rightly while tenants come and go", async () => {
        const first = await server.call("GET", `${tenantsOf(cluster)}?limit=10`, as(server.admin));
        const extra = await server.newTenant(cluster, { name: "a-comes-first" });
        const next = first.headers.get("x-next-cursor")!;
        const second = await server.call("GET", `${tenantsOf(cluster)}?limit=10&cursor=${next}`, as(server.admin));
        expect(names(second.json)).toEqual(all.slice(10, 20));
        expect((await server.call("DELETE", pathOf(extra), as(server.admin))).status).toBe(204);
      });

      it("keeps its selector from page to page", async () => {
        expect((await follow("limit=25&labelSelector=parity%20notin%20(odd)")).flat()).toEqual(
          all.filter((_, i) => i % 2 === 0),
        );
        const page = await server.call("GET", `${tenantsOf(cluster)}?limit=5&labelSelector=parity`, as(server.admin));
        const next = page.headers.get("x-next-cursor")!;
        expect((await server.call("GET", `${tenantsOf(cluster)}?cursor=${next}`, as(server.admin))).status).toBe(400);
      });

      it.each([
        "limit=0",
        "limit=201",
        "limit=-1",
        "limit=1e2",
        "limit=",
        "limit=1&limit=2",
        "cursor=e30",
        "cursor=!",
        "labelSelector=a=b=c",
        "offset=1",
      ])("refuses ?%s", async (query) => {
        expect((await server.call("GET", `${tenantsOf(cluster)}?${query}`, as(server.admin))).status).toBe(400);
      });
    });

    it("a selector finds in the database what it says of labels", async () => {
      const cluster = await server.newCluster();
      const key = fc.constantFrom("a", "b", "x.example/c");
      const value = fc.constantFrom("", "1", "2", "3");
      const tenants: { name: string; labels: Labels }[] = fc
        .sample(fc.dictionary(key, value), { numRuns: 25, seed: 7 })
        .map((labels, i) => ({ name: `t-${String(i).padStart(2, "0")}`, labels: { ...labels } }));
      for (const tenant of tenants) await server.newTenant(cluster, tenant);
      const requirement = fc.oneof(
        fc.tuple(key, fc.constantFrom("=", "==", "!="), value).map((parts) => parts.join("")),
        fc
          .tuple(key, fc.constantFrom("in", "notin"), fc.array(value, { minLength: 1, maxLength: 3 }))
          .map(([k, o, v]) => `${k} ${o} (${v.join(",")})`),
        key,
        key.map((k) => `!${k}`),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(requirement, { minLength: 1, maxLength: 3 }), async (requirements) => {
          const selector = requirements.join(",");
          const parsed = parseLabelSelector(selector);
          if (!parsed.ok) throw new Error(`${selector}: ${parsed.message}`);
          const expected = tenants.filter(({ labels }) => selects(parsed.requirements, labels)).map(({ name }) => name);
          const query = `labelSelector=${encodeURIComponent(selector)}`;
          expect(names((await server.call("GET", `${tenantsOf(cluster)}?${query}`, as(server.admin))).json)).toEqual(
            expected,
          );
        }),
        { numRuns: 60 },
      );
    });

    it("a change is in the event log, and a refused one is not", async () => {
      const before = await server.events.newest();
      const cluster = await server.newCluster();
      const tenant = await server.newTenant(cluster, { name: "logged" });
      await server.call("POST", tenantsOf(cluster), { token: server.admin, body: { name: "logged" } });
      await server.call("DELETE", pathOf(tenant), as(server.admin));
      const events = await server.events.read({ after: before, limit: 100 });
      expect(events.map(({ type, tenant: whose }) => [type, whose])).toEqual([
        ["cluster.created", null],
        ["tenant.created", "logged"],
        ["tenant.deleted", "logged"],
      ]);
      expect(events[1]?.data).toEqual({ id: tenant.id, clusterId: cluster.id, name: "logged" });
    });
  });
}
