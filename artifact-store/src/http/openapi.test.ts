import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, it } from "vitest";
import { openDoor } from "../testing/index.ts";
import { registryGroups } from "./index.ts";
import { openApiDocument, openApiJson, operations, pathParameters } from "./openapi-document.ts";

const file = new URL("../../../docs/openapi/artifact-store.json", import.meta.url);
const document = openApiDocument();

function referencesIn(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, child]) =>
    key === "$ref" && typeof child === "string" ? [child] : referencesIn(child),
  );
}

function resolve(reference: string): unknown {
  return reference
    .slice(2)
    .split("/")
    .reduce<unknown>((at, step) => (at as Record<string, unknown> | undefined)?.[step], document);
}

const withBody = operations.filter((operation) => operation.body !== undefined);

describe("the store's OpenAPI document", () => {
  it("is committed as it is now: run `npm run openapi --workspace @waybill/artifact-store`", () => {
    expect(readFileSync(file, "utf8")).toBe(openApiJson());
  });

  it("has no reference that leads nowhere, and no two calls of one name", () => {
    const references = referencesIn(document);
    expect(references.length).toBeGreaterThan(50);
    expect(references.filter((reference) => typeof resolve(reference) !== "object")).toEqual([]);
    expect(new Set(operations.map(({ id }) => id)).size).toBe(operations.length);
  });

  it.each(withBody.map((operation) => [operation.id, operation] as const))(
    "%s: the example of the request passes both the schema that checks and the one that is published",
    (_, operation) => {
      expect(operation.body?.safeParse(operation.bodyExample)).toMatchObject({ success: true });
      const paths = document["paths"] as Record<string, Record<string, { requestBody: Record<string, unknown> }>>;
      const entry = paths[operation.path]?.[operation.method.toLowerCase()];
      const content = entry?.requestBody["content"] as Record<string, { schema: object }>;
      const ajv = new Ajv2020({ strict: false, validateFormats: false });
      ajv.addSchema({ $id: "https://document.example/", ...document });
      const text = JSON.stringify(content["application/json"]?.schema);
      const schema = JSON.parse(text.replaceAll('"#/components', '"https://document.example/#/components')) as object;
      expect(ajv.validate(schema, operation.bodyExample) ? null : ajv.errors).toBeNull();
    },
  );

  it("describes every route of /api/v1 that is served with its schemas, and none that is not", async () => {
    const door = await openDoor();
    const groups = registryGroups(door.store, { log: (await import("@waybill/foundation/testing")).silentLogger() });
    const served = new Set(
      groups.flatMap(({ routes }) =>
        routes
          .filter((route) => route.path.startsWith("/api/v1/"))
          .map((route) => `${route.method} ${route.path.replaceAll(/:([A-Za-z]+)(?:\{[^}]*\})?/g, "{$1}")}`),
      ),
    );
    const described = operations.map(({ method, path }) => `${method} ${path}`);
    // One route answers a package and its archives: `{package}.{format}` is a way to write `{package}`.
    const routed = described.filter((one) => !one.endsWith(".{format}"));
    expect(routed.filter((one) => !served.has(one))).toEqual([]);
    expect(routed.length).toBeGreaterThan(35);
    expect(pathParameters("/a/{b}/{c}")).toEqual(["b", "c"]);
    await door.close();
  });
});
