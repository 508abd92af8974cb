import type { HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import type { Context } from "hono";
import type { Access, Principal } from "../auth/index.ts";
import type { Problem } from "../errors/index.ts";
import type { Logger } from "../telemetry/index.ts";

export interface HttpEnv {
  /** `incoming` and `outgoing` are Node's own streams, for byte paths. Absent when a handler is tested without a socket. */
  Bindings: HttpBindings;
  /** For hot paths `c.get("principal")`: `c.var` makes an object of all of them each time. */
  Variables: { requestId: string; principal: Principal; log: Logger };
}

export type HttpContext = Context<HttpEnv>;

/** What is logged of one request carries its id. Made when there is something to say: most requests say nothing. */
export function logOf(c: HttpContext): Logger {
  return c.get("log").child({ requestId: c.get("requestId") });
}

export interface HttpRoute {
  /**
   * A GET route also answers HEAD: a handler that returns a `Response` need not care, one that writes to
   * `c.env.outgoing` itself must look at `c.req.method`.
   */
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS";
  /** In hono's syntax: `/v2/:name{.+}/blobs/:digest`. */
  readonly path: string;
  readonly access: Access;
  readonly handler: (c: HttpContext) => Response | Promise<Response>;
}

/** Routes that answer alike: one system's, usually. */
export interface RouteGroup {
  /** For metrics and logs. */
  readonly name: string;
  readonly routes: readonly HttpRoute[];
  /** The shape of this group's errors; problem+json when absent. */
  readonly errorResponse?: (problem: Problem, c: HttpContext) => Response;
  /** `WWW-Authenticate` of a 401 (RFC 9110 section 11.6.1); `Bearer` when absent. */
  readonly challenge?: (c: HttpContext) => string;
  /** Tokens that are narrowed to this audience open this group's routes, too. */
  readonly audience?: string;
  /** What `access.agent` asks for. Empty or absent: agents need no token. */
  readonly agentToken?: string;
  /** Paths under it that no route knows are answered in this group's shape of errors. */
  readonly notFoundPrefix?: string;
  /** Asked last, for GET requests that nothing else answers. */
  readonly fallback?: (c: HttpContext) => Response | undefined;
}

/** What a handler returns after it wrote its response to `c.env.outgoing` itself. */
export const ALREADY_SENT: Response = RESPONSE_ALREADY_SENT;

/**
 * Answers with what is at hand: head and body leave in one write, and no `Response` is made. For the answers that there are
 * most of.
 * @param headers with `content-length`
 * @param body left out for HEAD, 204 and 304
 */
export function answerAtOnce(
  c: HttpContext,
  status: number,
  headers: Readonly<Record<string, string>>,
  body?: Uint8Array,
): Response {
  const { outgoing } = c.env;
  outgoing.writeHead(status, headers);
  outgoing.end(body);
  return ALREADY_SENT;
}
