import type { Principal } from "@waybill/foundation/auth";
import type { HttpContext, HttpRoute } from "@waybill/foundation/http";
import type { Database } from "@waybill/foundation/database";
import type { EventLog, NewEvent } from "@waybill/foundation/eventlog";
import { operations, type Operation, type OperationId, type OperationInput } from "../../contract/index.ts";
import { decide, roleTable } from "../access/index.ts";
import { notFound, problemOf } from "../problems.ts";
import type { ManagerTables, ManagerTransaction } from "../storage/index.ts";
import { ifNoneMatchNames } from "./entity-tag.ts";
import { callerOf, fingerprintOf, idempotencyHeader, readIdempotencyKey, replayedHeader } from "./idempotency-key.ts";
import type { KeptAnswers, KeptAnswer } from "./kept-answers.ts";
import { readParametersBy, readRequest } from "./read-request.ts";

type OperationOf<I extends OperationId> = (typeof operations)[I];

/** A request that is well-formed and whose caller may make it. */
export type Request<I extends OperationId> = OperationInput<OperationOf<I>> & {
  readonly caller: Principal;
  readonly ifMatch: string | undefined;
  /** Whether the caller reached us by HTTPS, as far as the URL or a proxy in front says. */
  readonly secure: boolean;
};

export interface Answer {
  /** Text is sent as it is, anything else as JSON. */
  readonly body?: object | string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Change extends Answer {
  readonly events: readonly NewEvent[];
  /** What is kept for the idempotency key instead of `body`, where that is a secret. */
  readonly keptBody?: unknown;
}

export interface EndpointParts {
  readonly database: Database<ManagerTables>;
  readonly events: EventLog;
  readonly kept: KeptAnswers;
}

function honoPath(path: string): string {
  return path.replaceAll(/\{([A-Za-z]+)\}/gu, ":$1");
}

const refusals = {
  unauthenticated: () => problemOf(401, "This needs a token: send it as Authorization: Bearer."),
  forbidden: () => problemOf(403, "Your roles do not allow this call."),
  hidden: () => notFound("tenant"),
} as const;

/** @throws Problem 401, 403 or 404 when the caller may not make this call. */
function authorize(id: OperationId, operation: Operation, c: HttpContext): Principal {
  const caller = c.var.principal;
  const row = roleTable[id];
  const { tenantID } = readParametersBy(operation.parameters, c) as { readonly tenantID?: string };
  const decision = decide(row, caller.roles.length === 0 ? undefined : caller, tenantID);
  if (decision === "allowed") return caller;
  throw refusals[decision]();
}

async function requestOf<I extends OperationId>(id: I, c: HttpContext): Promise<Request<I>> {
  const operation: OperationOf<I> = operations[id];
  const caller = authorize(id, operation, c);
  const input = await readRequest(operation, c);
  const secure = new URL(c.req.url).protocol === "https:" || c.req.header("x-forwarded-proto") === "https";
  return { ...input, caller, ifMatch: c.req.header("if-match"), secure };
}

function respond(operation: Operation, kept: KeptAnswer, c: HttpContext, replayed: boolean): Response {
  const etag = kept.headers["etag"];
  const ifNoneMatch = c.req.header("if-none-match");
  const headers = new Headers({
    "cache-control": operation.method === "GET" && etag !== undefined ? "private, no-cache" : "no-store",
    ...kept.headers,
  });
  if (replayed) headers.set(replayedHeader, "true");
  if (
    operation.method === "GET" &&
    etag !== undefined &&
    ifNoneMatch !== undefined &&
    ifNoneMatchNames(ifNoneMatch, etag)
  ) {
    return new Response(null, { status: 304, headers });
  }
  if (kept.body === null) return new Response(null, { status: kept.status, headers });
  if (!headers.has("content-type")) headers.set("content-type", operation.answer.mediaType ?? "application/json");
  return new Response(kept.body, { status: kept.status, headers });
}

function answerOf(operation: Operation, answer: Answer): KeptAnswer {
  const { body } = answer;
  const text = body === undefined ? null : typeof body === "string" ? body : JSON.stringify(body);
  return { status: operation.answer.status, headers: answer.headers ?? {}, body: text };
}

/** A route that changes nothing in the database. */
export function reading<I extends OperationId>(id: I, handle: (request: Request<I>) => Promise<Answer>): HttpRoute {
  const operation: Operation = operations[id];
  return {
    method: operation.method,
    path: honoPath(operation.path),
    access: roleTable[id].access,
    handler: async (c) => {
      if (operation.method !== "GET") readIdempotencyKey(c.req.header(idempotencyHeader));
      return respond(operation, answerOf(operation, await handle(await requestOf(id, c))), c, false);
    },
  };
}

/**
 * A route that changes something: the change, its events, and the answer that is kept for an idempotency key are one
 * transaction.
 * @param replay makes the answer from `keptBody`, where the body itself is not kept.
 */
export function changing<I extends OperationId>(
  id: I,
  parts: EndpointParts,
  handle: (request: Request<I>, tx: ManagerTransaction) => Promise<Change>,
  replay?: (keptBody: unknown) => Promise<Answer>,
): HttpRoute {
  const operation: Operation = operations[id];

  async function once(request: Request<I>): Promise<KeptAnswer> {
    return parts.database.transaction(async (tx) => {
      const made = await handle(request, tx);
      await parts.events.append(tx, made.events);
      return answerOf(operation, made);
    });
  }

  async function keyed(
    request: Request<I>,
    route: string,
    key: string,
  ): Promise<{ answer: KeptAnswer; replayed: boolean }> {
    const scope = { caller: callerOf(request.caller), route, key };
    const fingerprint = fingerprintOf(request.body, request.ifMatch);
    const found = await parts.kept.alone(scope, () =>
      parts.database.transaction(async (tx) => {
        const earlier = await parts.kept.find(tx, scope, fingerprint);
        if (earlier !== undefined) return { answer: earlier, replayed: true };
        const made = await handle(request, tx);
        const answer = answerOf(operation, made);
        const kept = made.keptBody === undefined ? answer : { ...answer, body: JSON.stringify(made.keptBody) };
        await parts.kept.keep(tx, scope, fingerprint, kept);
        await parts.events.append(tx, made.events);
        return { answer, replayed: false };
      }),
    );
    if (!found.replayed || replay === undefined) return found;
    const again = await replay(JSON.parse(found.answer.body ?? "null"));
    return { answer: answerOf(operation, again), replayed: true };
  }

  return {
    method: operation.method,
    path: honoPath(operation.path),
    access: roleTable[id].access,
    handler: async (c) => {
      const key = readIdempotencyKey(c.req.header(idempotencyHeader));
      const request = await requestOf(id, c);
      if (key === undefined) return respond(operation, await once(request), c, false);
      const { answer, replayed } = await keyed(request, `${operation.method} ${c.req.path.toLowerCase()}`, key);
      return respond(operation, answer, c, replayed);
    },
  };
}
