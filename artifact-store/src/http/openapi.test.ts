import { readFileSync } from "node:fs";
import { createTokenAuthority } from "@waybill/foundation/auth";
import { silentLogger } from "@waybill/foundation/testing";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, it } from "vitest";
import { openDoor } from "../testing/index.ts";
import { registryGroups } from "./index.ts";
import { openApiDocument, openApiJson, operations, pathParameters } from "./openapi-document.ts";
import { placeOf } from "./operation.ts";

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

  it("describes every route that is served, /events excepted, and none that is not", async () => {
    await using stack = new AsyncDisposableStack();
    const door = stack.adopt(await openDoor(), (open) => open.close());
    const authority = createTokenAuthority({ key: Buffer.alloc(32) });
    const groups = registryGroups(door.store, {
      log: silentLogger(),
      tokens: { authority, authenticator: authority.authenticator },
    });
    const routes = groups.filter(({ name }) => name !== "store events").flatMap((group) => group.routes);
    const placed = ({ method, path }: { readonly method: string; readonly path: string }): string =>
      `${method} ${path}`;
    // Without their last slash two are the same once more, for clients that forget it.
    const served = routes.filter(({ path }) => path !== "/v2" && !path.endsWith("/blobs/uploads"));
    // One route answers a package and its archives: `{package}.{format}` is a way to write `{package}`.
    const described = operations.filter(({ path }) => !path.endsWith(".{format}"));
    expect(described.map((operation) => placed(placeOf(operation))).toSorted()).toEqual(served.map(placed).toSorted());
    expect(described.length).toBeGreaterThan(60);
    expect(pathParameters("/a/{b}/{c}")).toEqual(["b", "c"]);
  });

  it("says of every route who may call it, as the route does", async () => {
    await using stack = new AsyncDisposableStack();
    const door = stack.adopt(await openDoor(), (open) => open.close());
    const routes = registryGroups(door.store, { log: silentLogger() }).flatMap((group) => group.routes);
    const accessOf = (method: string, path: string): unknown =>
      routes.find((route) => route.method === method && route.path === path)?.access;
    for (const operation of operations.filter(({ path }) => path !== "/v2/token" && !path.endsWith(".{format}"))) {
      const { method, path, access } = placeOf(operation);
      expect([operation.id, accessOf(method, path)]).toEqual([operation.id, access]);
    }
  });
});
