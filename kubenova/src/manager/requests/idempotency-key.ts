import { createHash } from "node:crypto";
import type { Principal } from "@waybill/foundation/auth";
import { problemOf } from "../problems.ts";

export const idempotencyHeader = "Idempotency-Key";
export const replayedHeader = "Idempotent-Replayed";
const longestKey = 200;
/** Milliseconds that an answer is kept for its key. */
export const keyLifetimeMs = 24 * 60 * 60 * 1000;

/** What one key means: the same text of another caller, or on another path, is another key. */
export interface KeyScope {
  readonly caller: string;
  /** Method and path, ids included. */
  readonly route: string;
  readonly key: string;
}

/** @throws Problem 400 when the header is no key. */
export function readIdempotencyKey(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (header.length === 0 || header.length > longestKey || !/^[\x21-\x7e]+$/u.test(header)) {
    throw problemOf(
      400,
      `${idempotencyHeader}: 1 to ${longestKey} visible ASCII characters without blanks, a UUID for instance.`,
    );
  }
  return header;
}

/** The caller as far as keys go: who, in which tenant. Roles may change between a call and its repetition. */
export function callerOf(principal: Principal): string {
  return JSON.stringify([principal.subject, principal.tenantId ?? null, principal.anonymous]);
}

/** JSON with the keys of every object in order, so that two writings of one document are one text. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const fields = Object.entries(value)
      .filter(([, field]) => field !== undefined)
      .toSorted(([a], [b]) => (a < b ? -1 : 1));
    return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${canonicalJson(field)}`).join(",")}}`;
  }
  return JSON.stringify(value) ?? "null";
}

/** What must be the same when a key comes again. */
export function fingerprintOf(body: unknown, ifMatch: string | undefined): string {
  return createHash("sha256")
    .update(canonicalJson([body ?? null, ifMatch ?? null]))
    .digest("base64url");
}
