import type { Access } from "@waybill/foundation/auth";
import { Problem } from "@waybill/foundation/errors";
import { ALREADY_SENT, readJson, type HttpContext, type HttpRoute } from "@waybill/foundation/http";
import { z } from "zod";
import { withProblems } from "./problems.ts";

/** A schema of an object whose fields arrive as text: parameters of the query. */
export type QuerySchema = z.ZodObject<Record<string, z.ZodType>>;

/** One field of the header of a request or an answer. */
export interface HeaderField {
  readonly name: string;
  readonly description: string;
  readonly required?: true;
  /** As one would write it. */
  readonly example: string;
}

/** One way in which a call succeeds. */
export interface Answer {
  readonly status: number;
  readonly description: string;
  readonly headers?: readonly HeaderField[];
  /** Of JSON; absent: no body, or bytes. */
  readonly schema?: z.ZodType;
  /** Of bytes. */
  readonly mediaTypes?: readonly string[];
  readonly example?: unknown;
}

/**
 * One call of `/api/v1` as data: its requests are checked with it, the OpenAPI document is made of it, and it says who may
 * make it at all (what they then see is the gate's matter).
 */
export interface Operation {
  /** Unique; the name in generated clients. */
  readonly id: string;
  readonly method: HttpRoute["method"];
  /** In OpenAPI's syntax; `{name}` is a repository, `{path}` that of a file: they may hold slashes. */
  readonly path: string;
  readonly tag: string;
  readonly access: Access;
  readonly summary: string;
  readonly description?: string;
  readonly query?: QuerySchema;
  readonly body?: z.ZodType;
  readonly bodyExample?: unknown;
  /** Of a body that is larger than calls have as a rule. */
  readonly bodyLimitBytes?: number;
  /** Media types of a body that the handler reads itself, as a stream. */
  readonly uploads?: readonly string[];
  /** Takes an `Idempotency-Key`. */
  readonly idempotent?: boolean;
  readonly headers?: readonly HeaderField[];
  readonly answer: Answer;
  /** Other ways to succeed, each with a status of its own. */
  readonly also?: readonly Answer[];
  /** Statuses that this call in particular can answer, beside those that every call can. */
  readonly problems?: readonly number[];
  /** Fields of the header of a refusal, by its status. */
  readonly problemHeaders?: Readonly<Record<number, readonly HeaderField[]>>;
  /** Whose words errors are in: those of `/v2/` are the Distribution Spec's. Absent: problem+json. */
  readonly errors?: "registry";
}

type Output<S, Absent> = S extends z.ZodType ? z.output<S> : Absent;

/** What a handler is given once a request is found to be well-formed. */
export interface OperationInput<O extends Operation> {
  readonly query: Output<O["query"], Record<string, never>>;
  readonly body: Output<O["body"], undefined>;
}

const bodyLimitBytes = 64 * 1024;

/** Where an operation is served, and for whom. */
export function placeOf({ method, path, access }: Operation): Pick<HttpRoute, "method" | "path" | "access"> {
  const served = path.replaceAll(/\{([A-Za-z]+)\}/g, (_, name: string) =>
    name === "name" || name === "path" ? `:${name}{.+}` : `:${name}`,
  );
  return { method, path: served, access };
}

/** An operation as a route: checks what came, hands it to `handle`, and answers what that returns as JSON. */
export function routeOf<const O extends Operation>(
  operation: O,
  handle: (
    c: HttpContext,
    input: OperationInput<O>,
  ) => Promise<z.input<NonNullable<O["answer"]["schema"]>> | Response | undefined>,
): HttpRoute {
  return {
    ...placeOf(operation),
    handler: withProblems(async (c) => {
      // No catalog keeps this character, so nothing that a path can name has it.
      if (Object.values(c.req.param()).some((text) => text.includes("\u0000"))) {
        throw new Problem({
          code: "NOT_FOUND",
          status: 404,
          title: "Not found",
          detail: "There is nothing of this name.",
        });
      }
      const query = queryOf(operation.query, c);
      const body =
        operation.body === undefined
          ? undefined
          : checked(operation.body, await readJson(c, operation.bodyLimitBytes ?? bodyLimitBytes));
      // The schemas of the operation made these values, so they have the operation's types.
      const answer = await handle(c, { query, body } as OperationInput<O>);
      // Made before the server puts its own class in the place of Response: no instance of what is called so now.
      if (answer === ALREADY_SENT) return ALREADY_SENT;
      if (answer instanceof Response) return answer;
      const headers = { "cache-control": "no-store" };
      if (answer === undefined) return new Response(null, { status: operation.answer.status, headers });
      return Response.json(answer, { status: operation.answer.status, headers });
    }),
  };
}

/** Each parameter at most once; those that the call does not know are refused, so that a typing error is noticed. */
function queryOf(schema: QuerySchema | undefined, c: HttpContext): unknown {
  const given: Record<string, string> = {};
  for (const [name, values] of Object.entries(c.req.queries())) {
    const [value = "", ...more] = values;
    if (more.length > 0) throw invalid(`The query has ${name.slice(0, 64)} more than once.`);
    given[name] = value;
  }
  const parsed = (schema ?? z.strictObject({})).safeParse(given);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  if (issue?.code === "unrecognized_keys") {
    throw invalid(`This call has no query parameter ${String(issue.keys[0]).slice(0, 64)}.`);
  }
  throw invalid(`${String(issue?.path[0])}: ${issue?.message ?? "not allowed"}`);
}

function checked(schema: z.ZodType, document: unknown): unknown {
  const parsed = schema.safeParse(document);
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.slice(0, 20).map((issue) => ({
    pointer: issue.path.map((step) => `/${String(step).replaceAll("~", "~0").replaceAll("/", "~1")}`).join(""),
    detail: issue.message,
  }));
  throw invalid(
    `The body is not as it should be: ${errors[0]?.pointer ?? ""} ${errors[0]?.detail ?? ""}`.trim(),
    errors,
  );
}

function invalid(detail: string, errors: Problem["errors"] = []): Problem {
  return new Problem({ code: "INVALID", status: 400, title: "The request cannot be read", detail, errors });
}
