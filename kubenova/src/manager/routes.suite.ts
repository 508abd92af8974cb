import { testDatabaseUrl, type DatabaseKind } from "@waybill/foundation/testing";
import { describe, expect, it } from "vitest";
import { operationIds, operations, type Operation } from "../contract/index.ts";
import { roleTable } from "./access/index.ts";
import { startTestManager } from "./testing/index.ts";

/** Every registered route, walked. */
export function routeSuite(kind: DatabaseKind): void {
  describe(`the routes on ${kind}`, () => {
    it("are exactly the operations, each with the access of its row in the role table", async () => {
      const database = await testDatabaseUrl(kind);
      const server = await startTestManager(database.url);
      const registered = server.manager.groups.flatMap(({ routes }) =>
        routes.map(({ method, path, access }) => ({ route: `${method} ${path}`, access })),
      );
      const declared = operationIds.map((id) => {
        const { method, path } = operations[id];
        return { route: `${method} ${path.replaceAll(/\{(\w+)\}/gu, ":$1")}`, access: roleTable[id].access };
      });
      const inOrder = (a: { route: string }, b: { route: string }): number => (a.route < b.route ? -1 : 1);
      expect(registered.toSorted(inOrder)).toEqual(declared.toSorted(inOrder));
      await server.close();
      await database.drop();
    });

    it("refuse a stranger, except the public ones", async () => {
      const database = await testDatabaseUrl(kind);
      const server = await startTestManager(database.url);
      const id = "5f0c6f0e-8f0b-4f0a-8a3e-2d6b7c9e1f42";
      const seen: string[] = [];
      for (const route of server.manager.groups.flatMap(({ routes }) => routes)) {
        if (route.access.kind === "public") continue;
        const path = route.path.replaceAll(/:\w+/gu, id);
        for (const token of ["", "nonsense"]) {
          const body = route.method === "POST" ? { body: { name: "x" } } : {};
          const reply = await server.call(route.method, path, { token, ...body });
          expect([route.method, path, reply.status]).toEqual([route.method, path, 401]);
          expect(reply.headers.get("www-authenticate")).toBe('Bearer realm="waybill"');
        }
        seen.push(route.path);
      }
      expect(seen.length).toBe(operationIds.filter((it) => roleTable[it].access.kind !== "public").length);
      expect(await server.events.newest()).toBe(0);
      await server.close();
      await database.drop();
    });

    it("that are public answer a stranger", async () => {
      const database = await testDatabaseUrl(kind);
      const server = await startTestManager(database.url);
      const version = await server.call("GET", "/version");
      expect(version.json).toMatchObject({ name: "kubenova", version: "0.0.0-test", environment: "development" });
      expect((await server.call("GET", "/features")).json).toMatchObject({ authentication: true, tenants: true });
      expect((await server.call("GET", "/openapi.json")).json).toMatchObject({ openapi: "3.1.1" });
      const yaml = await server.call("GET", "/openapi.yaml");
      expect(yaml.headers.get("content-type")).toBe("application/yaml");
      expect(yaml.text).toMatch(/^openapi: "3\.1\.1"\n/u);
      await server.close();
      await database.drop();
    });

    it("that do not exist, and methods that a path lacks, are answered as problems", async () => {
      const database = await testDatabaseUrl(kind);
      const server = await startTestManager(database.url);
      const paths = new Set(operationIds.map((id): Operation["path"] => operations[id].path));
      expect(paths.has("/api/v1/nothing")).toBe(false);
      expect((await server.call("GET", "/api/v1/nothing", { token: server.admin })).status).toBe(404);
      const put = await fetch(`${server.url}/api/v1/clusters`, { method: "PUT" });
      expect(put.status).toBe(405);
      expect(await put.json()).toMatchObject({ code: "KN-405" });
      await server.close();
      await database.drop();
    });
  });
}
