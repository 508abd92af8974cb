import { createHmac, randomBytes } from "node:crypto";

const prefix = "whsec_";

/** A secret as Standard Webhooks writes it: `whsec_` and base64 of 32 bytes. */
export function newSecret(): string {
  return `${prefix}${randomBytes(32).toString("base64")}`;
}

/** 24 to 64 bytes, as the specification asks for. */
export function isSecret(text: string): boolean {
  const bytes = Buffer.from(text.slice(prefix.length), "base64");
  return text.startsWith(prefix) && bytes.byteLength >= 24 && bytes.byteLength <= 64;
}

/**
 * Value of `webhook-signature` (Standard Webhooks 1.0, "Signature scheme"): HMAC-SHA-256 of `<id>.<timestamp>.<body>`.
 * @param at seconds since 1970, the value of `webhook-timestamp`
 */
export function signatureOf(secret: string, id: string, at: number, body: string): string {
  const key = Buffer.from(secret.slice(prefix.length), "base64");
  return `v1,${createHmac("sha256", key).update(`${id}.${at}.${body}`).digest("base64")}`;
}
