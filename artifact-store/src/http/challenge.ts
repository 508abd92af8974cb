import type { HttpContext } from "@waybill/foundation/http";
import { parseRepositoryName } from "../names/index.ts";
import { catalogScope, formatScope, type Action } from "./scope.ts";

/** Who issues this registry's tokens, and for whom: `service` in the distribution project's token specification. */
export const registryService = "waybill";

export const tokenPath = "/v2/token";

/** What a request wants to do with its repository; undefined where it concerns none. */
function wanted(c: HttpContext): string | undefined {
  if (c.req.path === "/v2/_catalog") return catalogScope;
  const target = scopeOf(c.req.param("name"), actionsOf(c));
  // A mount reads another repository, too.
  const source = c.req.method === "POST" ? scopeOf(c.req.query("from"), ["pull"]) : undefined;
  return target === undefined || source === undefined ? target : `${target} ${source}`;
}

function scopeOf(text: string | undefined, actions: readonly Action[]): string | undefined {
  try {
    return formatScope({ kind: "repository", name: parseRepositoryName(text ?? ""), actions });
  } catch {
    return undefined;
  }
}

/** What the routes ask of the gate. */
function actionsOf(c: HttpContext): readonly Action[] {
  const isUpload = c.req.param("id") !== undefined;
  if (isUpload) return ["pull", "push"];
  if (c.req.method === "GET" || c.req.method === "HEAD") return ["pull"];
  return c.req.method === "DELETE" ? ["delete"] : ["pull", "push"];
}

/** As the client sees this server: scheme and host; undefined when the request does not tell. */
function origin(c: HttpContext, publicUrl: string | undefined): string | undefined {
  if (publicUrl !== undefined) return new URL(publicUrl).origin;
  const host = c.req.header("host") ?? "";
  // Only what a host can be gets into a quoted string of a header.
  if (!/^[A-Za-z0-9._-]{1,253}(:\d{1,5})?$|^\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?$/.test(host)) return undefined;
  // Said by a proxy that ends TLS. A client that makes it up misleads nobody but itself.
  return `${c.req.header("x-forwarded-proto") === "https" ? "https" : "http"}://${host}`;
}

/**
 * `WWW-Authenticate` of a 401: where to get a token and for what (RFC 6750 section 3, and the token specification). Basic
 * is not named beside it: clients that know both send Basic then, and fail where they have no credentials and need none.
 */
export function challengeOf(c: HttpContext, publicUrl: string | undefined, error?: string): string {
  const from = origin(c, publicUrl);
  if (from === undefined) return `Basic realm="${registryService}"`;
  const scope = wanted(c);
  const said = error ?? (c.req.header("authorization") === undefined ? undefined : "invalid_token");
  return [
    `Bearer realm="${from}${tokenPath}"`,
    `service="${registryService}"`,
    ...(scope === undefined ? [] : [`scope="${scope}"`]),
    ...(said === undefined ? [] : [`error="${said}"`]),
  ].join(",");
}
