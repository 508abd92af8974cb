import { z } from "zod";
import type { TokenAuthority } from "@waybill/foundation/auth";
import type { HttpRoute } from "@waybill/foundation/http";
import { newToken, tokenLife } from "../../contract/index.ts";
import { mayIssue } from "../access/index.ts";
import { problemOf } from "../problems.ts";
import { changing, type Answer, type EndpointParts } from "../requests/index.ts";
import { findTenant } from "../tenants/index.ts";

/** What is kept of a token for its idempotency key: everything but the token. */
const keptToken = z.strictObject({
  subject: z.string(),
  roles: newToken.shape.roles,
  tenantId: z.string().optional(),
  tenant: z.string().optional(),
  expiresAt: z.number(),
});
type KeptToken = z.output<typeof keptToken>;

export function authenticationIsOff(): Error {
  return problemOf(
    409,
    "Authentication is off: everybody is admin, and tokens would prove nothing. Set JWT_SIGNING_KEY to a secret of at least 32 characters and start the server again.",
  );
}

function claimsOf(kept: KeptToken, now: number) {
  return {
    subject: kept.subject,
    roles: kept.roles,
    ttlSeconds: Math.round((kept.expiresAt - now) / 1000),
    ...(kept.tenant === undefined ? {} : { tenant: kept.tenant }),
    ...(kept.tenantId === undefined ? {} : { tenantId: kept.tenantId }),
  };
}

export function tokenRoute(parts: EndpointParts, authority: TokenAuthority | undefined, now: () => number): HttpRoute {
  async function issue(kept: KeptToken): Promise<Answer> {
    if (authority === undefined) throw authenticationIsOff();
    const claims = claimsOf(kept, now());
    if (claims.ttlSeconds < 1) throw problemOf(409, "The token of this Idempotency-Key has expired. Take a new key.");
    const { token, expiresAt } = await authority.issue(claims);
    return { body: { token, expiresAt: expiresAt.toISOString() } };
  }

  return changing(
    "createToken",
    parts,
    async ({ body, caller }, tx) => {
      if (authority === undefined) throw authenticationIsOff();
      if (!mayIssue(caller, body.roles)) throw problemOf(403, "Only an admin makes a token for an admin.");
      const tenant = body.tenant === undefined ? undefined : await findTenant(tx, body.tenant);
      if (body.tenant !== undefined && tenant === undefined) {
        throw problemOf(422, "The tenant does not exist.", {
          errors: [{ pointer: "/tenant", detail: "no such tenant" }],
        });
      }
      const kept: KeptToken = {
        subject: body.subject,
        roles: body.roles,
        ...(tenant === undefined ? {} : { tenantId: tenant.id, tenant: tenant.name }),
        expiresAt: now() + (body.ttlMinutes ?? tokenLife.usual) * 60_000,
      };
      const event = {
        type: "token.issued",
        subject: `subjects/${kept.subject}`,
        data: { ...kept, issuer: caller.subject },
      };
      return {
        ...(await issue(kept)),
        keptBody: kept,
        events: [tenant === undefined ? event : { ...event, tenant: tenant.name }],
      };
    },
    (kept) => issue(keptToken.parse(kept)),
  );
}
