import { randomUUID } from "node:crypto";
import { jwtVerify, SignJWT } from "jose";
import type { Authenticator } from "./authenticator.ts";
import { roles as allRoles, type Principal, type Role } from "./principal.ts";

export interface TokenClaims {
  readonly subject: string;
  readonly roles: readonly Role[];
  readonly tenant?: string;
  readonly tenantId?: string;
  readonly projects?: readonly string[];
  readonly ttlSeconds: number;
  /** Makes a token that is good for one audience and, there, for these scopes; nowhere else is it a token at all. */
  readonly narrowTo?: { readonly audience: string; readonly scopes: readonly string[] };
  /** For a narrow token that is given to somebody who proved nothing. */
  readonly anonymous?: boolean;
}

export interface IssuedToken {
  readonly token: string;
  readonly expiresAt: Date;
}

export interface TokenAuthority {
  issue(claims: TokenClaims): Promise<IssuedToken>;
  /**
   * Undefined when the token is not ours, was altered, has expired, or carries claims that make no sense. With an audience
   * it must be a token that was narrowed to that one.
   */
  verify(token: string, audience?: string): Promise<Principal | undefined>;
  /** Bearer token, Basic with the token as password, or the session cookie. */
  readonly authenticator: Authenticator;
}

const algorithm = "HS256";

function isRole(value: unknown): value is Role {
  return allRoles.some((role) => role === value);
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

/** Claims are checked although we signed them: an older or newer release may have put other things in. */
function principalOf(claims: Readonly<Record<string, unknown>>, narrow: boolean): Principal | undefined {
  const { sub, roles, tenant, tenantId, projects, scopes, anonymous } = claims;
  if (!isText(sub) || !Array.isArray(roles) || roles.length === 0 || !roles.every(isRole)) return undefined;
  if (tenant !== undefined && !isText(tenant)) return undefined;
  if (tenantId !== undefined && !isText(tenantId)) return undefined;
  if (projects !== undefined && !(Array.isArray(projects) && projects.every(isText))) return undefined;
  if (narrow && !(Array.isArray(scopes) && scopes.every(isText))) return undefined;
  return {
    subject: sub,
    roles,
    anonymous: narrow && anonymous === true,
    ...(narrow ? { scopes: scopes as readonly string[] } : {}),
    ...(tenant === undefined ? {} : { tenant }),
    ...(tenantId === undefined ? {} : { tenantId }),
    ...(projects === undefined ? {} : { projects }),
  };
}

/**
 * Signs and verifies tokens (JWT, RFC 7519, HMAC-SHA-256) with one key that all processes of an installation share.
 * @param options.key at least 32 bytes (RFC 7518 section 3.2).
 */
export function createTokenAuthority(options: { readonly key: Uint8Array; readonly issuer?: string }): TokenAuthority {
  if (options.key.byteLength < 32) throw new RangeError("a signing key needs at least 32 bytes");
  const issuer = options.issuer ?? "waybill";
  const key = options.key;

  async function issue(claims: TokenClaims): Promise<IssuedToken> {
    const issuedAt = Math.floor(Date.now() / 1000);
    const expiresAt = issuedAt + claims.ttlSeconds;
    const { subject, ttlSeconds: _, narrowTo, anonymous, ...rest } = claims;
    const narrow = narrowTo === undefined ? {} : { scopes: narrowTo.scopes, ...(anonymous === true && { anonymous }) };
    const token = await new SignJWT({ ...rest, ...narrow })
      .setProtectedHeader({ alg: algorithm, typ: "JWT" })
      .setSubject(subject)
      .setIssuer(issuer)
      .setAudience(narrowTo === undefined ? issuer : narrowAudience(narrowTo.audience))
      .setIssuedAt(issuedAt)
      .setExpirationTime(expiresAt)
      .setJti(randomUUID())
      .sign(key);
    return { token, expiresAt: new Date(expiresAt * 1000) };
  }

  /** Never equal to the issuer, so that no narrow token passes for a full one. */
  function narrowAudience(audience: string): string {
    return `${issuer}:${audience}`;
  }

  async function verify(token: string, audience?: string): Promise<Principal | undefined> {
    try {
      const { payload } = await jwtVerify(token, key, {
        algorithms: [algorithm],
        issuer,
        audience: audience === undefined ? issuer : narrowAudience(audience),
        requiredClaims: ["exp", "sub"],
      });
      return principalOf(payload, audience !== undefined);
    } catch {
      return undefined;
    }
  }

  return {
    issue,
    verify,
    authenticator: async ({ bearer, basic, session, audience }) => {
      const token = bearer ?? basic?.password ?? session;
      if (token === undefined) return undefined;
      // A narrow token is one that its audience gave out, and comes back as Bearer only.
      const narrow = audience === undefined || bearer === undefined ? undefined : await verify(bearer, audience);
      return narrow ?? (await verify(token));
    },
  };
}
