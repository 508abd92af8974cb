import { z } from "zod";
import { namedSchemas } from "../../contract/index.ts";

export type JsonObject = { [key: string]: unknown };

/**
 * zod 4 writes JSON Schema 2020-12, the dialect of OpenAPI 3.1. `input`: what a client may send; for answers it leaves
 * objects open, so that a client does not break when a field is added.
 */
const options = { io: "input", unrepresentable: "throw" } as const;

function withoutDialect(schema: object): JsonObject {
  const { $schema: _, $id: __, ...rest } = schema as JsonObject;
  return rest;
}

/** Every named schema, with references to `#/components/schemas/…` between them. */
export function componentSchemas(): Record<string, JsonObject> {
  const { schemas } = z.toJSONSchema(namedSchemas, { ...options, uri: (id) => `#/components/schemas/${id}` });
  return Object.fromEntries(
    Object.entries(schemas)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([id, schema]) => [id, withoutDialect(schema)]),
  );
}

/** A schema in its place: a reference when it has a name, else itself. */
export function schemaInPlace(schema: z.ZodType): JsonObject {
  const named = namedSchemas.get(schema);
  return named === undefined
    ? withoutDialect(z.toJSONSchema(schema, options))
    : { $ref: `#/components/schemas/${named.id}` };
}
