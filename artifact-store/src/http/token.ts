import {
  access,
  type Authenticator,
  type Credentials,
  type Principal,
  type TokenAuthority,
} from "@waybill/foundation/auth";
import { credentialsOf, readBody, type HttpContext, type HttpRoute } from "@waybill/foundation/http";
import { registryService, tokenPath } from "./challenge.ts";
import { refusal } from "./errors.ts";
import type { Gate } from "./gate.ts";
import { formatScope, parseScope } from "./scope.ts";

/** Who proves who callers are, and signs what they are given. */
export interface TokenSource {
  readonly authenticator: Authenticator;
  readonly authority: Pick<TokenAuthority, "issue">;
}

/** Long enough for a client to use it for a while, short enough that whoever loses a role loses it soon. */
const ttlSeconds = 300;
const mostScopes = 100;
const formLimitBytes = 64 * 1024;

/** Somebody who proved nothing, where strangers may pull something: tenant and roles give it nothing. */
const visitor: Principal = { subject: "anonymous", roles: ["readOnly"], anonymous: true };

/**
 * The token endpoint of the distribution project's "Token Authentication Specification" (GET, Basic) and its "OAuth2"
 * form (POST). What is given out is what was asked for and the caller may do; nothing is no error, as the specification
 * has it: the registry then refuses what the token is used for.
 */
export function tokenRoutes(gate: Gate, source: TokenSource, visitors: boolean): HttpRoute[] {
  async function callerOf(credentials: Credentials | undefined): Promise<Principal> {
    const principal = credentials === undefined && visitors ? visitor : await source.authenticator(credentials ?? {});
    if (principal !== undefined) return principal;
    const detail =
      credentials === undefined
        ? "log in: any user name, and a token of Waybill as the password"
        : "the token is not valid, or has expired: log in with another one";
    throw refusal(401, "UNAUTHORIZED", detail, { "www-authenticate": `Basic realm="${registryService}"` });
  }

  async function issue(credentials: Credentials | undefined, asked: readonly string[]): Promise<Response> {
    const principal = await callerOf(credentials);
    const texts = asked.flatMap((text) => text.split(" ")).filter((text) => text !== "");
    if (texts.length > mostScopes) throw refusal(400, "UNSUPPORTED", `at most ${mostScopes} scopes at once`);
    const scopes = texts.flatMap((text) => {
      const scope = parseScope(text);
      const granted = scope && gate.grant(principal, scope);
      return granted === undefined ? [] : [formatScope(granted)];
    });
    const { subject, roles, tenant, tenantId, anonymous } = principal;
    const issuedAt = new Date();
    const { token } = await source.authority.issue({
      subject,
      roles,
      anonymous,
      ttlSeconds,
      ...(tenant === undefined ? {} : { tenant }),
      ...(tenantId === undefined ? {} : { tenantId }),
      narrowTo: { audience: registryService, scopes },
    });
    const answer = {
      token,
      access_token: token,
      token_type: "Bearer",
      expires_in: ttlSeconds,
      issued_at: issuedAt.toISOString(),
      scope: scopes.join(" "),
    };
    return new Response(JSON.stringify(answer), {
      headers: { "content-type": "application/json", "cache-control": "no-store" },
    });
  }

  function get(c: HttpContext): Promise<Response> {
    const sent = c.req.header("authorization") !== undefined;
    // A page's cookie is no log-in of a registry's client: only what is in the header counts.
    return issue(sent ? credentialsOf(c.req.raw.headers, "POST") : undefined, c.req.queries("scope") ?? []);
  }

  async function post(c: HttpContext): Promise<Response> {
    const form = new URLSearchParams(new TextDecoder().decode(await readBody(c, formLimitBytes)));
    return await issue(formCredentials(form) ?? headerCredentials(c), form.getAll("scope"));
  }

  return [
    { method: "GET", path: tokenPath, access: access.public, handler: get },
    { method: "POST", path: tokenPath, access: access.public, handler: post },
  ];
}

function headerCredentials(c: HttpContext): Credentials | undefined {
  return c.req.header("authorization") === undefined ? undefined : credentialsOf(c.req.raw.headers, c.req.method);
}

/** RFC 6749 sections 4.3 and 6. A token of Waybill is a refresh token, too: `docker login` keeps some passwords as one. */
function formCredentials(form: URLSearchParams): Credentials | undefined {
  const grant = form.get("grant_type");
  if (grant === null) return undefined;
  if (grant === "password")
    return { basic: { user: form.get("username") ?? "", password: form.get("password") ?? "" } };
  if (grant === "refresh_token") return { bearer: form.get("refresh_token") ?? "" };
  throw refusal(400, "UNSUPPORTED", "grant_type is password or refresh_token");
}
