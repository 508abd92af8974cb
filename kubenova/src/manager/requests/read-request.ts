import { readJson, type HttpContext } from "@waybill/foundation/http";
import type { z } from "zod";
import type { Operation, OperationInput } from "../../contract/index.ts";
import { problemOf, type PointedError } from "../problems.ts";

/** Bytes: the contract's limit for every body. */
export const bodyLimit = 1024 * 1024;
const mostErrors = 50;
const longestPointer = 300;

/** JSON pointer (RFC 6901) of a path into a document. */
export function pointerOf(path: readonly PropertyKey[]): string {
  const pointer = path.map((step) => `/${String(step).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
  return pointer.length > longestPointer ? `${pointer.slice(0, longestPointer)}…` : pointer;
}

function pointedErrors(issues: readonly z.core.$ZodIssue[]): PointedError[] {
  return issues
    .flatMap((issue): PointedError[] => {
      if (issue.code === "unrecognized_keys") {
        return issue.keys.map((key) => ({ pointer: pointerOf([...issue.path, key]), detail: "unknown field" }));
      }
      const inner = issue.code === "invalid_key" ? issue.issues[0]?.message : undefined;
      return [{ pointer: pointerOf(issue.path), detail: inner ?? issue.message }];
    })
    .slice(0, mostErrors);
}

/** A key `__proto__` is dropped by some readers and taken as the prototype by others: nobody sends it in earnest. */
function findPrototypeKey(value: unknown, path: readonly PropertyKey[] = []): readonly PropertyKey[] | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  for (const [key, child] of Object.entries(value)) {
    const here = [...path, key];
    if (key === "__proto__") return here;
    const found = findPrototypeKey(child, here);
    if (found !== undefined) return found;
  }
  return undefined;
}

async function readBodyBy(schema: z.ZodType, c: HttpContext): Promise<unknown> {
  if (c.req.header("content-type") === undefined) {
    throw problemOf(415, "Say what the body is: Content-Type: application/json.");
  }
  const document = await readJson(c, bodyLimit);
  const prototypeKey = findPrototypeKey(document);
  if (prototypeKey !== undefined) {
    throw problemOf(400, "The body has a field that is not allowed.", {
      errors: [{ pointer: pointerOf(prototypeKey), detail: "unknown field" }],
    });
  }
  const parsed = schema.safeParse(document);
  if (parsed.success) return parsed.data;
  const errors = pointedErrors(parsed.error.issues);
  const first = errors[0];
  throw problemOf(400, `The body is not as it should be: ${first?.pointer ?? ""} ${first?.detail ?? ""}`.trim(), {
    errors,
  });
}

function readQueryBy(schema: z.ZodType | undefined, c: HttpContext): unknown {
  const query: Record<string, string> = {};
  for (const [name, value] of new URL(c.req.url).searchParams) {
    if (Object.hasOwn(query, name)) throw problemOf(400, `The query has ${name.slice(0, 64)} more than once.`);
    query[name] = value;
  }
  if (schema === undefined) {
    const [unknown] = Object.keys(query);
    if (unknown !== undefined) throw problemOf(400, `This call has no query parameter ${unknown.slice(0, 64)}.`);
    return {};
  }
  const parsed = schema.safeParse(query);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  if (issue?.code === "unrecognized_keys") {
    throw problemOf(400, `This call has no query parameter ${String(issue.keys[0]).slice(0, 64)}.`);
  }
  throw problemOf(400, `${String(issue?.path[0])}: ${issue?.message ?? "not allowed"}`);
}

/** Path parameters; an id in capitals is the same id. */
export function readParametersBy(schema: z.ZodType | undefined, c: HttpContext): unknown {
  if (schema === undefined) return {};
  const given = Object.fromEntries(Object.entries(c.req.param()).map(([name, value]) => [name, value.toLowerCase()]));
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw problemOf(400, `${String(issue?.path[0])}: ${issue?.message ?? "not allowed"}`);
}

/**
 * A request as its operation describes it.
 * @throws Problem 400 (with JSON pointers into the body), 413, 415.
 */
export async function readRequest<O extends Operation>(operation: O, c: HttpContext): Promise<OperationInput<O>> {
  const parameters = readParametersBy(operation.parameters, c);
  const query = readQueryBy(operation.query, c);
  const body = operation.body === undefined ? undefined : await readBodyBy(operation.body, c);
  // The schemas of the operation made these values, so they have the operation's types.
  return { parameters, query, body } as OperationInput<O>;
}
