import { z } from "zod";

const expiry = z.looseObject({ exp: z.number() });

/**
 * Seconds that a verified token (RFC 7519) still lives, so that the browser drops the cookie with it; 0 when it does
 * not say.
 */
export function secondsLeft(token: string, nowMs: number): number {
  try {
    const claims = expiry.parse(JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8")));
    return Math.max(0, Math.floor(claims.exp - nowMs / 1000));
  } catch {
    return 0;
  }
}
