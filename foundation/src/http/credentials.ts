import type { Credentials } from "../auth/index.ts";

const cookieName = "waybill_session";
const cookiePattern = new RegExp(`(?:^|;\\s*)${cookieName}=([^;\\s]+)`);

/**
 * `Set-Cookie` that carries a token for the page's own reads: not readable by scripts, never sent by another site, and
 * accepted for GET and HEAD only. An empty token takes the cookie away.
 */
export function sessionCookie(
  token: string,
  options: { readonly maxAgeSeconds: number; readonly secure: boolean },
): string {
  const age = token === "" ? 0 : Math.max(0, Math.floor(options.maxAgeSeconds));
  return `${cookieName}=${token}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${age}${options.secure ? "; Secure" : ""}`;
}

function parseBasic(encoded: string): Credentials {
  const text = Buffer.from(encoded, "base64").toString("utf8");
  const colon = text.indexOf(":");
  return colon < 0 ? {} : { basic: { user: text.slice(0, colon), password: text.slice(colon + 1) } };
}

/** What a request brought to prove who calls: RFC 6750 (Bearer), RFC 7617 (Basic), or the page's cookie. */
export function credentialsOf(headers: Pick<Headers, "get">, method: string): Credentials {
  const authorization = headers.get("authorization");
  if (authorization !== null) {
    const match = /^(bearer|basic) +([^\s]+)$/i.exec(authorization.trim());
    if (match === null) return {};
    const value = match[2] ?? "";
    return match[1]?.toLowerCase() === "bearer" ? { bearer: value } : parseBasic(value);
  }
  if (method !== "GET" && method !== "HEAD") return {};
  const cookies = headers.get("cookie");
  const session = cookies === null ? undefined : cookiePattern.exec(cookies)?.[1];
  return session === undefined ? {} : { session };
}
