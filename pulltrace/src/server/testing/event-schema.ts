import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";

type Schema = { [key: string]: unknown; properties?: Record<string, unknown>; $defs?: Record<string, Schema> };

/** The published schema. */
export const pullEventSchema = JSON.parse(
  readFileSync(new URL("../../../../docs/schemas/pull-event-v1.json", import.meta.url), "utf8"),
) as Schema;

/** The published schema lets unknown fields pass, for readers of newer servers; our own events may not have any. */
function closed(schema: Schema): Schema {
  const definitions = Object.entries(schema.$defs ?? {}).map(([name, definition]) => [
    name,
    definition.properties === undefined ? definition : { ...definition, additionalProperties: false },
  ]);
  return { ...schema, additionalProperties: false, $defs: Object.fromEntries(definitions) as Record<string, Schema> };
}

const validate = new Ajv2020({ allErrors: true, strict: true, strictRequired: false, strictTypes: false }).compile(
  closed(pullEventSchema),
);

/** What is wrong with an event, in words; empty when it is valid. */
export function faultsOf(event: unknown): readonly string[] {
  if (validate(event)) return [];
  return (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message ?? "is wrong"}`);
}
