import { createHash } from "node:crypto";
import { problemOf } from "../problems.ts";

/** Strong entity tag (RFC 9110 section 8.8.3) of a representation. */
export function entityTagOf(representation: unknown): string {
  return `"${createHash("sha256").update(JSON.stringify(representation)).digest("base64url").slice(0, 24)}"`;
}

const listPattern = /^\s*(?:W\/)?"[\x21\x23-\x7e]*"(?:\s*,\s*(?:W\/)?"[\x21\x23-\x7e]*")*\s*$/u;

function tagsOf(header: string, name: string): { readonly weak: boolean; readonly tag: string }[] {
  if (header.length > 1024 || !listPattern.test(header)) {
    throw problemOf(400, `${name} holds no entity tags: send what ETag said, with its quotation marks, or *.`);
  }
  return [...header.matchAll(/(W\/)?("[\x21\x23-\x7e]*")/gu)].map(([, weak, tag]) => ({
    weak: weak !== undefined,
    tag: tag ?? "",
  }));
}

/** Whether `If-Match` (RFC 9110 section 13.1.1) holds; weak tags never match. */
export function ifMatchHolds(header: string, current: string): boolean {
  return header.trim() === "*" || tagsOf(header, "If-Match").some(({ weak, tag }) => !weak && tag === current);
}

/** Whether `If-None-Match` (RFC 9110 section 13.1.2) names what is there, so that 304 will do. */
export function ifNoneMatchNames(header: string, current: string): boolean {
  return header.trim() === "*" || tagsOf(header, "If-None-Match").some(({ tag }) => tag === current);
}

/** @throws Problem 412 when the caller saw another state than the present one. */
export function requireMatch(ifMatch: string | undefined, current: string): void {
  if (ifMatch !== undefined && !ifMatchHolds(ifMatch, current)) {
    throw problemOf(412, "The resource has changed since you read it. Read it again and decide anew.", {
      headers: { etag: current },
    });
  }
}
