import { testDatabaseUrl, type DatabaseKind } from "@waybill/foundation/testing";
import { describe, expect, it } from "vitest";
import type { Tenant } from "../contract/index.ts";
import { startTestManager } from "./testing/index.ts";

/** What other systems ask the manager, on every database. */
export function directorySuite(kind: DatabaseKind): void {
  describe(`the directory of tenants on ${kind}`, () => {
    it("knows a tenant as soon as it is made, and forgets it with the last cluster", async () => {
      const database = await testDatabaseUrl(kind);
      const one = await startTestManager(database.url);
      const pathOf = (tenant: Tenant): string => `/api/v1/clusters/${tenant.clusterId}/tenants/${tenant.id}`;
      const here = await one.newTenant(await one.newCluster(), { name: "acme" });
      expect(one.manager.tenantOf.known("acme")).toBe(true);
      expect(one.manager.tenantOf.known("acm")).toBe(false);
      const there = await one.newTenant(await one.newCluster(), { name: "acme" });
      await one.call("DELETE", pathOf(here), { token: one.admin });
      expect(one.manager.tenantOf.known("acme")).toBe(true);
      await one.call("DELETE", pathOf(there), { token: one.admin });
      expect(one.manager.tenantOf.known("acme")).toBe(false);
      await one.close();
      await database.drop();
    });

    it("learns what another process writes, and starts with what is there", async () => {
      const database = await testDatabaseUrl(kind);
      const one = await startTestManager(database.url);
      const other = await startTestManager(database.url);
      const tenant = await one.newTenant(await one.newCluster(), { name: "acme" });
      await expect.poll(() => other.manager.tenantOf.known("acme")).toBe(true);
      const late = await startTestManager(database.url);
      expect(late.manager.tenantOf.known("acme")).toBe(true);
      await one.call("DELETE", `/api/v1/clusters/${tenant.clusterId}/tenants/${tenant.id}`, { token: one.admin });
      await expect.poll(() => other.manager.tenantOf.known("acme")).toBe(false);
      await Promise.all([one.close(), other.close(), late.close()]);
      await database.drop();
    });

    it("finds its way back when the events that it missed are gone", async () => {
      const database = await testDatabaseUrl(kind);
      const one = await startTestManager(database.url);
      const cluster = await one.newCluster();
      // Everything up to here is forgotten before the second manager has read on from where it began.
      const other = await startTestManager(database.url);
      await one.newTenant(cluster, { name: "acme" });
      await one.events.trim({ before: (await one.events.newest()) + 1 });
      await one.newTenant(cluster, { name: "beta" });
      await expect.poll(() => other.manager.tenantOf.known("acme")).toBe(true);
      await expect.poll(() => other.manager.tenantOf.known("beta")).toBe(true);
      await Promise.all([one.close(), other.close()]);
      await database.drop();
    });

    it("the health check says when the database is gone", async () => {
      const database = await testDatabaseUrl(kind);
      const one = await startTestManager(database.url);
      const [check] = one.manager.health;
      await expect(check?.check(AbortSignal.timeout(5000))).resolves.toBeUndefined();
      await one.database.close();
      await expect(check?.check(AbortSignal.timeout(5000))).rejects.toThrow(/closed|end/u);
      const reply = await one.call("GET", "/api/v1/clusters", { token: one.admin });
      expect(reply).toMatchObject({ status: 503, json: { code: "KN-503" } });
      expect(reply.headers.get("retry-after")).toBe("1");
      await one.close();
      await database.drop();
    });
  });
}
