import { sha256 as digest } from "@noble/hashes/sha2.js";

/**
 * SHA-256 of a text in UTF-8, as 64 hex digits. Not by node:crypto, which would bring OpenSSL into a process that hashes a few
 * lines a pull: see docs/adr/0021-http-2-of-our-own.md.
 */
export function sha256(text: string): string {
  return Buffer.from(digest(Buffer.from(text))).toString("hex");
}
