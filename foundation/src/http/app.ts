import { randomUUID } from "node:crypto";
import type { ServerResponse } from "node:http";
import { Hono } from "hono";
import {
  constantTimeEqual,
  permits,
  type Access,
  type Authenticator,
  type Credentials,
  type Principal,
} from "../auth/index.ts";
import { asProblem, Problem, problemBody } from "../errors/index.ts";
import type { Logger, Registry } from "../telemetry/index.ts";
import { credentialsOf } from "./credentials.ts";
import { guardHost } from "./host-guard.ts";
import { httpMetrics, type HttpMetrics } from "./metrics.ts";
import { PathRouter } from "./path-router.ts";
import { logOf, type HttpContext, type HttpEnv, type HttpRoute, type RouteGroup } from "./route.ts";

export interface AppOptions {
  readonly groups: readonly RouteGroup[];
  readonly authenticator: Authenticator;
  readonly log: Logger;
  readonly registry?: Registry;
  /** For a server without authentication: refuse foreign host names and cross-site changes. */
  readonly hostGuard?: boolean;
}

/** On public and agent routes nobody is asked who they are. */
const stranger: Principal = { subject: "stranger", roles: [], anonymous: true };

function problemResponse(problem: Problem, c: HttpContext): Response {
  return new Response(JSON.stringify(problemBody(problem, `urn:uuid:${c.get("requestId")}`)), {
    status: problem.status,
    headers: { "content-type": "application/problem+json", ...problem.headers },
  });
}

function respond(problem: Problem, group: RouteGroup | undefined, c: HttpContext): Response {
  return group?.errorResponse?.(problem, c) ?? problemResponse(problem, c);
}

function unauthenticated(sent: boolean, challenge = "Bearer"): Problem {
  return new Problem({
    code: "UNAUTHENTICATED",
    status: 401,
    title: "Who are you?",
    detail: sent
      ? "The credentials are not valid, or have expired."
      : "This needs a token: send it as Authorization: Bearer.",
    headers: { "www-authenticate": challenge },
  });
}

/**
 * What `access.agent` asks for: the shared token, compared in constant time; nothing where there is none.
 * @throws Problem 401
 */
export function admitAgent(expected: string | undefined, credentials: Credentials, challenge?: string): void {
  if (expected === undefined || expected === "") return;
  if (constantTimeEqual(credentials.bearer ?? "", expected)) return;
  throw unauthenticated(credentials.bearer !== undefined, challenge);
}

/** Node's own response; undefined when a test calls the application without a socket. */
function outgoingOf(c: HttpContext): ServerResponse | undefined {
  const bindings = c.env as Partial<HttpEnv["Bindings"]> | undefined;
  return bindings?.outgoing;
}

/** Lets a caller in and says who it is, or throws what it is told. */
async function admit(
  rule: Access,
  group: RouteGroup,
  authenticator: Authenticator,
  c: HttpContext,
): Promise<Principal> {
  if (rule.kind === "public") return stranger;
  const credentials = credentialsOf(c.req.raw.headers, c.req.method);
  if (rule.kind === "agent") {
    admitAgent(group.agentToken, credentials, group.challenge?.(c));
    return stranger;
  }
  const { audience } = group;
  const principal = await authenticator(audience === undefined ? credentials : { ...credentials, audience });
  if (principal === undefined) throw unauthenticated(Object.keys(credentials).length > 0, group.challenge?.(c));
  if (!permits(rule, principal)) {
    throw new Problem({
      code: "FORBIDDEN",
      status: 403,
      title: "Not allowed",
      detail: `This needs one of the roles ${rule.roles.join(", ")}; the caller has ${principal.roles.join(", ")}.`,
    });
  }
  return principal;
}

/** A caller may name its request; anything but a short plain word is replaced, since it ends up in logs. */
export function requestIdOf(header: string | undefined): string {
  return header !== undefined && /^[A-Za-z0-9._-]{1,64}$/.test(header) ? header : randomUUID();
}

/** What there is at a path. */
interface Allowed {
  readonly group: RouteGroup;
  readonly methods: string[];
}

function methodNotAllowed(method: string, methods: readonly string[]): Problem {
  return new Problem({
    code: "METHOD_NOT_ALLOWED",
    status: 405,
    title: "Method not allowed",
    detail: `${method} is not allowed here; ${methods.join(", ")} is.`,
    headers: { allow: methods.join(", ") },
  });
}

/** Makes one application of all groups' routes. A route is open to exactly those whom its `access` names. */
export function createApp(options: AppOptions): Hono<HttpEnv> {
  const app = new Hono<HttpEnv>({ router: new PathRouter() });
  const metrics: HttpMetrics | undefined = options.registry === undefined ? undefined : httpMetrics(options.registry);

  /** What every request begins with; answers what refuses it. No middleware of hono's: that costs more than all of this. */
  function begin(c: HttpContext): Problem | undefined {
    const requestId = requestIdOf(c.req.header("x-request-id"));
    c.set("requestId", requestId);
    c.set("log", options.log);
    c.set("principal", stranger);
    // On Node's own response, so that handlers which write to it themselves send them too.
    const outgoing = outgoingOf(c);
    outgoing?.setHeader("x-request-id", requestId);
    outgoing?.setHeader("x-content-type-options", "nosniff");
    return options.hostGuard === true ? guardHost(c.req.raw.headers, c.req.method) : undefined;
  }

  async function answer(group: RouteGroup, route: HttpRoute, c: HttpContext): Promise<Response> {
    const refusal = begin(c);
    if (refusal !== undefined) return problemResponse(refusal, c);
    const end = metrics?.begin();
    let status = 500;
    const over = (): void => end?.({ group: group.name, method: c.req.method, route: route.path, status });
    try {
      if (route.access.kind !== "public")
        c.set("principal", await admit(route.access, group, options.authenticator, c));
      const response = await route.handler(c);
      status = response.status;
      return response;
    } catch (error) {
      const problem = asProblem(error);
      status = problem.status;
      if (problem.status >= 500) {
        logOf(c).error({ err: problem.cause ?? problem, route: route.path, method: c.req.method }, problem.detail);
      } else logOf(c).debug({ code: problem.code, status, route: route.path, method: c.req.method }, problem.detail);
      return respond(problem, group, c);
    } finally {
      const outgoing = outgoingOf(c);
      if (outgoing === undefined || outgoing.closed) over();
      else {
        outgoing.once("close", () => {
          status = outgoing.statusCode;
          over();
        });
      }
    }
  }

  const allowed = new Map<string, Allowed>();
  for (const group of options.groups) {
    for (const route of group.routes) {
      app.on(route.method, route.path, (c) => answer(group, route, c));
      const entry = allowed.get(route.path) ?? { group, methods: [] };
      entry.methods.push(route.method, ...(route.method === "GET" ? ["HEAD"] : []));
      allowed.set(route.path, entry);
    }
  }
  // Asked for paths that no route answers, and not by hono itself: with one handler for a path it needs no middleware.
  const byPath = new PathRouter<Allowed>();
  for (const [path, entry] of allowed) byPath.add("ALL", path, entry);

  app.notFound((c) => {
    const refusal = begin(c);
    if (refusal !== undefined) return problemResponse(refusal, c);
    const path = c.req.path;
    const known = byPath.match("ALL", path)[0][0]?.[0];
    if (known !== undefined) return respond(methodNotAllowed(c.req.method, known.methods), known.group, c);
    const group = options.groups.find(
      ({ notFoundPrefix }) => notFoundPrefix !== undefined && path.startsWith(notFoundPrefix),
    );
    if (group === undefined && (c.req.method === "GET" || c.req.method === "HEAD")) {
      for (const candidate of options.groups) {
        const response = candidate.fallback?.(c);
        if (response !== undefined) return response;
      }
    }
    const problem = new Problem({
      code: "NOT_FOUND",
      status: 404,
      title: "Not found",
      detail: "There is nothing at this path.",
    });
    return respond(problem, group, c);
  });
  app.onError((error, c) => problemResponse(asProblem(error), c));
  return app;
}
