import { testDatabaseUrl, type DatabaseKind } from "@waybill/foundation/testing";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { operationIds, operations, problem, type Cluster, type Operation, type Tenant } from "../contract/index.ts";
import { bodyLimit, idempotencyHeader } from "./requests/index.ts";
import { startTestManager, type TestManager } from "./testing/index.ts";

const strings = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.constantFrom("__proto__", "constructor", "../..", "a\u0000b", "\ud800", "x".repeat(5000), "' or 1=1 --", "1e999"),
);
const values = fc.oneof(
  { depthSize: "small" },
  strings,
  fc.double(),
  fc.constantFrom(1e308, -1, 0, Number.MAX_SAFE_INTEGER + 2, null, true, [], {}),
  fc.jsonValue({ maxDepth: 4 }),
  fc.dictionary(strings, fc.jsonValue({ maxDepth: 2 }), { maxKeys: 4 }),
);

/** A well-formed body with one field replaced, removed or added; or anything at all. */
function spoiled(example: object): fc.Arbitrary<string> {
  const fields = Object.keys(example);
  return fc.oneof(
    fc
      .tuple(fc.constantFrom(...fields), values)
      .map(([field, value]) => JSON.stringify({ ...example, [field]: value })),
    fc.constantFrom(...fields).map((field) => JSON.stringify({ ...example, [field]: undefined })),
    fc.tuple(strings, values).map(([field, value]) => JSON.stringify({ ...example, [field]: value })),
    fc.tuple(fc.constantFrom("__proto__", "constructor", "toString"), values).map(
      // JSON.stringify would drop `__proto__` in a literal.
      ([field, value]) => `${JSON.stringify(example).slice(0, -1)},${JSON.stringify(field)}:${JSON.stringify(value)}}`,
    ),
    values.map((value) => JSON.stringify(value) ?? ""),
    strings,
    fc.constantFrom(
      "",
      "{",
      "null",
      '{"name":1e400}',
      `${"[".repeat(5000)}${"]".repeat(5000)}`,
      '{"a":'.repeat(100),
      "\u0000",
    ),
  );
}

/** Bad input, on every database: a clear refusal of the right status, and the server lives on. */
export function hostileSuite(kind: DatabaseKind, runs: number): void {
  describe(`bad input on ${kind}`, () => {
    let server: TestManager;
    let drop: () => Promise<void>;
    let cluster: Cluster;
    let tenant: Tenant;
    beforeAll(async () => {
      const database = await testDatabaseUrl(kind);
      drop = () => database.drop();
      server = await startTestManager(database.url);
      cluster = await server.newCluster();
      tenant = await server.newTenant(cluster);
    });
    afterAll(async () => {
      await server.close();
      await drop();
    });

    const tenants = (): string => `/api/v1/clusters/${cluster.id}/tenants`;
    const post = (raw: string | Uint8Array, headers: Record<string, string> = {}) =>
      server.call("POST", tenants(), { token: server.admin, raw, headers });

    it.each(operationIds.map((id) => ({ id })))(
      "$id: whatever is sent, the answer is one that the document names, and never 500",
      async ({ id }) => {
        const operation: Operation = operations[id];
        const ids = fc.oneof(
          { weight: 4, arbitrary: fc.constant("") },
          fc.uuid(),
          fc.constantFrom("%00", "..%2f..", "%ff", "a".repeat(3000), "*", "null"),
          fc.webSegment().filter((it) => it !== "" && it !== "." && it !== ".."),
        );
        const query = fc.oneof(
          { weight: 3, arbitrary: fc.constant("") },
          fc.webQueryParameters().map((it) => `?${it}`),
          fc
            .tuple(fc.constantFrom("limit", "cursor", "labelSelector"), strings)
            .map(([name, value]) => `?${name}=${encodeURIComponent(value.toWellFormed())}`),
        );
        const header = fc.string({ maxLength: 60 }).map((it) => it.replaceAll(/[^\x20-\x7e]/gu, "").trim());
        const headers = fc.record(
          {
            [idempotencyHeader]: header,
            "if-match": header,
            "if-none-match": header,
            "content-type": fc.constantFrom("application/json", "application/xml", "application/json; charset=x", ""),
          },
          { requiredKeys: [] },
        );
        const body = operation.body === undefined ? fc.constant(undefined) : spoiled(operation.bodyExample as object);
        await fc.assert(
          fc.asyncProperty(ids, ids, query, headers, body, async (clusterId, tenantId, search, sent, raw) => {
            // A deletion that is right would take the resources away from the other runs.
            const kept = operation.method === "DELETE" && clusterId === "" && tenantId === "" ? "0" : "";
            const path = operation.path
              .replace("{clusterID}", clusterId || cluster.id)
              .replace("{tenantID}", `${tenantId || tenant.id}${kept}`);
            const reply = await server.call(operation.method, path + search, {
              token: server.admin,
              headers: sent,
              ...(raw === undefined ? {} : { raw }),
            });
            expect(reply.status).toBeLessThan(500);
          }),
          { numRuns: runs },
        );
      },
      60_000,
    );

    it("an unknown field is named by a JSON pointer", async () => {
      const reply = await post(
        JSON.stringify({ name: "x", owners: [{ kind: "User", name: "a", "a/b": 1 }], kubeconfig: "x" }),
      );
      expect(reply.status).toBe(400);
      expect(reply.json?.["errors"]).toEqual(
        expect.arrayContaining([
          { pointer: "/owners/0/a~1b", detail: "unknown field" },
          { pointer: "/kubeconfig", detail: "unknown field" },
        ]),
      );
    });

    it.each([
      ['{"name":"x","__proto__":{"plan":"gold"}}', "/__proto__"],
      ['{"name":"x","labels":{"__proto__":"y"}}', "/labels/__proto__"],
      [
        '{"name":"x","networkPolicies":[{"podSelector":{"matchLabels":{"__proto__":"y"}}}]}',
        "/networkPolicies/0/podSelector/matchLabels/__proto__",
      ],
    ])("%s is refused, not dropped", async (raw, pointer) => {
      expect(await post(raw)).toMatchObject({ status: 400, json: { errors: [{ pointer }] } });
    });

    it.each([
      [
        "wrong types",
        '{"name":{},"owners":"x","labels":[],"quotas":{"cpu":2}}',
        ["/name", "/owners", "/labels", "/quotas/cpu"],
      ],
      ["a label key", '{"name":"x","labels":{"kubernetes.io/x":"y"}}', ["/labels/kubernetes.io~1x"]],
      [
        "a network policy",
        '{"name":"x","networkPolicies":[{"podSelector":{},"ingress":[{"from":[{"ipBlock":{"cidr":"x"}}]}]}]}',
        ["/networkPolicies/0/ingress/0/from/0/ipBlock/cidr"],
      ],
    ])("%s: every mistake is pointed at", async (_what, raw, pointers) => {
      const reply = await post(raw);
      expect(reply.status).toBe(400);
      const errors = problem.parse(reply.json).errors ?? [];
      expect(errors.map(({ pointer }) => pointer).toSorted()).toEqual(pointers.toSorted());
    });

    it("a body may have 1 MiB and no more", async () => {
      const padded = (bytes: number): string => `{"name":"Not A Name"}`.padEnd(bytes, " ");
      expect((await post(padded(bodyLimit))).status).toBe(400);
      expect((await post(padded(bodyLimit + 1))).status).toBe(413);
    });

    it.each([
      ["deep nesting", `{"labels":${'{"a":'.repeat(100)}1${"}".repeat(100)}}`],
      ["half a document", '{"name":"x"'],
      ["two documents", '{"name":"x"}{"name":"y"}'],
      ["no body", ""],
      ["a number beyond all numbers", '{"name":1e999}'],
      ["an array", "[]"],
    ])("%s is refused with 400", async (_what, raw) => {
      expect((await post(raw)).status).toBe(400);
    });

    it("bytes that are not UTF-8 are refused with 400", async () => {
      expect((await post(new Uint8Array([0x7b, 0xff, 0x7d]))).status).toBe(400);
    });

    it("a mistake in a huge field is told in a short answer", async () => {
      const reply = await post(JSON.stringify({ name: "x", ["y".repeat(500_000)]: 1, owners: Array(20_000).fill(1) }));
      expect(reply.status).toBe(400);
      expect(reply.text.length).toBeLessThan(20_000);
    });
  });
}
