import { z } from "zod";

export type JsonObject = { [key: string]: unknown };

/** Schemas that have a name in the document. */
export type NamedSchemas = z.core.$ZodRegistry<{ id: string; description?: string }>;

export interface PublishedSchemas {
  /** Every named schema by its name, with references to `#/components/schemas/…` between them. */
  components(): Record<string, JsonObject>;
  /** A schema in its place: a reference when it has a name, else itself, with references to those in it that have one. */
  inPlace(schema: z.ZodType): JsonObject;
}

/**
 * zod 4 writes JSON Schema 2020-12, the dialect of OpenAPI 3.1. `input`: what a client may send; for answers it leaves
 * objects open, so that a client does not break when a field is added. A schema that JSON Schema cannot say is text:
 * a digest, say, which is that in all but its TypeScript type.
 */
const options = { io: "input", unrepresentable: "any" } as const;

export function publishedSchemas(named: NamedSchemas): PublishedSchemas {
  return {
    components() {
      const { schemas } = z.toJSONSchema(named, { ...options, uri: (id) => `#/components/schemas/${id}` });
      return Object.fromEntries(
        Object.entries(schemas)
          .toSorted(([a], [b]) => (a < b ? -1 : 1))
          .map(([id, schema]) => [id, withoutDialect(schema)]),
      );
    },
    inPlace(schema) {
      const known = named.get(schema);
      if (known !== undefined) return { $ref: `#/components/schemas/${known.id}` };
      const { $defs: _, ...inPlace } = withoutDialect(z.toJSONSchema(schema, { ...options, metadata: named }));
      const text = JSON.stringify(inPlace).replaceAll('"#/$defs/', '"#/components/schemas/');
      return JSON.parse(text) as JsonObject;
    },
  };
}

function withoutDialect(schema: object): JsonObject {
  const { $schema: _, $id: __, ...rest } = schema as JsonObject;
  return Object.keys(rest).length === 0 ? { type: "string" } : rest;
}
