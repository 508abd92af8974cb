import { createHash } from "node:crypto";
import { Problem } from "@waybill/foundation/errors";

/** Strong entity tag (RFC 9110 section 8.8.3) of what a call answers. */
export function entityTagOf(answer: object): string {
  return `"${createHash("sha256").update(JSON.stringify(answer)).digest("base64url").slice(0, 24)}"`;
}

/**
 * `If-Match` (RFC 9110 section 13.1.1): who read something and changes it overwrites nobody else's change meanwhile. Weak
 * tags, and what is no tag, never match.
 * @throws Problem 412, with the present tag
 */
export function requireMatch(ifMatch: string | undefined, current: string): void {
  if (ifMatch === undefined || ifMatch.trim() === "*") return;
  if (ifMatch.split(",").some((tag) => tag.trim() === current)) return;
  throw new Problem({
    code: "PRECONDITION_FAILED",
    status: 412,
    title: "It has changed",
    detail: "It has changed since you read it: read it again, and decide anew.",
    headers: { etag: current },
  });
}
