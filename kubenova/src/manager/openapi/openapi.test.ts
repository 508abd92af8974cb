import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, it } from "vitest";
import { parse as parseYaml } from "yaml";
import { operationIds, operations, type Operation } from "../../contract/index.ts";
import { openApiDocument, openApiJson } from "./document.ts";
import { yamlOf } from "./yaml.ts";

const file = new URL("../../../../docs/openapi/kubenova.json", import.meta.url);
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

/** Checks a value by a schema of the document, with the components at hand. */
function errorsBy(schema: object, value: unknown): unknown {
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema({ $id: "https://document.example/", ...document });
  const local = JSON.parse(
    JSON.stringify(schema).replaceAll('"#/components', '"https://document.example/#/components'),
  ) as object;
  return ajv.validate(local, value) ? null : ajv.errors;
}

interface Media {
  schema: object;
  example?: unknown;
}
interface Described {
  security: unknown[];
  requestBody?: { content: Record<string, Media> };
  responses: Record<string, { description?: string; $ref?: string; content?: Record<string, Media> }>;
}

const described = operationIds.map((id) => {
  const operation: Operation = operations[id];
  const paths = document["paths"] as Record<string, Record<string, Described>>;
  return { id, operation, entry: paths[operation.path]![operation.method.toLowerCase()]! };
});

describe("the OpenAPI document", () => {
  it("is committed as it is now: run `node kubenova/src/manager/openapi/write.ts`", () => {
    expect(readFileSync(file, "utf8")).toBe(openApiJson());
  });

  it("has no reference that leads nowhere", () => {
    const references = referencesIn(document);
    expect(references.length).toBeGreaterThan(50);
    expect(references.filter((reference) => typeof resolve(reference) !== "object")).toEqual([]);
  });

  it.each(described)("$id: has answers, errors and security", ({ operation, entry }) => {
    expect(Object.keys(entry.responses)).toContain(String(operation.answer.status));
    expect(Object.keys(entry.responses).filter((status) => Number(status) >= 400).length).toBeGreaterThan(2);
    expect(Array.isArray(entry.security)).toBe(true);
  });

  it.each(described.filter(({ operation }) => operation.body !== undefined))(
    "$id: the example of the request passes both the schema that checks and the one that is published",
    ({ operation, entry }) => {
      const media = entry.requestBody!.content["application/json"]!;
      expect(operation.body!.safeParse(media.example)).toMatchObject({ success: true });
      expect(errorsBy(media.schema, media.example)).toBeNull();
      expect(errorsBy(media.schema, { ...(media.example as object), surprise: 1 })).not.toBeNull();
    },
  );

  it.each(described.filter(({ operation }) => operation.answer.example !== undefined))(
    "$id: the example of the answer passes its schema",
    ({ operation, entry }) => {
      const media = entry.responses[operation.answer.status]!.content!["application/json"]!;
      expect(operation.answer.schema!.safeParse(media.example)).toMatchObject({ success: true });
      expect(errorsBy(media.schema, media.example)).toBeNull();
    },
  );

  it("is the same document as YAML", () => {
    expect(parseYaml(yamlOf(document))).toEqual(JSON.parse(openApiJson()));
  });
});

describe("YAML", () => {
  it.each([
    [{ a: "yes", b: "1.0", c: "", d: "x: y", e: "- a", f: "line\nbreak", g: "# no", h: "true", i: "null", j: "~" }],
    [{ list: [1, [2, [3]], { a: [{ b: 1, c: 2 }] }, [], {}], empty: {}, none: [] }],
    [{ "a b": 1, "": 2, "{x}": 3, 404: 4, y: "ü\u2028\u0085" }],
    [[[[]], [{}], "a"]],
  ])("reads back %j", (value) => {
    expect(parseYaml(yamlOf(value))).toEqual(value);
  });
});
