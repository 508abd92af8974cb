import type { Authenticator, Principal, TokenAuthority } from "@waybill/foundation/auth";
import { sessionCookie, type HttpRoute } from "@waybill/foundation/http";
import type { Caller } from "../../contract/index.ts";
import { problemOf } from "../problems.ts";
import { reading, type EndpointParts } from "../requests/index.ts";
import { secondsLeft } from "./session.ts";
import { authenticationIsOff, tokenRoute } from "./tokens.ts";

function callerOf(principal: Principal): Caller {
  return {
    subject: principal.subject,
    roles: [...principal.roles],
    ...(principal.tenantId === undefined ? {} : { tenantId: principal.tenantId }),
    ...(principal.tenant === undefined ? {} : { tenant: principal.tenant }),
    anonymous: principal.anonymous,
  };
}

export interface IdentityOptions {
  /** Absent: authentication is off. */
  readonly authority: TokenAuthority | undefined;
  readonly authenticator: Authenticator;
  readonly now: () => number;
}

export function identityRoutes(parts: EndpointParts, options: IdentityOptions): HttpRoute[] {
  const { authority, authenticator, now } = options;
  return [
    tokenRoute(parts, authority, now),
    reading("getCaller", ({ caller }) => Promise.resolve({ body: callerOf(caller) })),
    reading("createSession", async ({ body, secure }) => {
      if (authority === undefined) throw authenticationIsOff();
      const principal = await authenticator({ bearer: body.token });
      if (principal === undefined) throw problemOf(401, "The token is not valid, or has expired.");
      const cookie = sessionCookie(body.token, { maxAgeSeconds: secondsLeft(body.token, now()), secure });
      return { body: callerOf(principal), headers: { "set-cookie": cookie } };
    }),
    reading("deleteSession", ({ secure }) =>
      Promise.resolve({ headers: { "set-cookie": sessionCookie("", { maxAgeSeconds: 0, secure }) } }),
    ),
  ];
}
