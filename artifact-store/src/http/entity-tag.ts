import { createHash } from "node:crypto";
import { Problem } from "@waybill/foundation/errors";
import type { HttpContext } from "@waybill/foundation/http";
import type { HeaderField } from "./operation.ts";

const example = '"q3mXf0m1yR7Xj8kqvN0p5w2a"';

/** For the description of a call that answers, or takes, an entity tag. */
export const etagField: HeaderField = { name: "ETag", description: "Of this state of it.", example };
export const ifMatchField: HeaderField = {
  name: "If-Match",
  description: "What ETag said; `*` for whatever is there. 412 when it has changed since.",
  example,
};
export const ifNoneMatchField: HeaderField = {
  name: "If-None-Match",
  description: "`*`: only when there is none yet, else 412.",
  example: "*",
};

/** Strong entity tag (RFC 9110 section 8.8.3) of what a call answers. */
function entityTagOf(answer: object): string {
  return `"${createHash("sha256").update(JSON.stringify(answer)).digest("base64url").slice(0, 24)}"`;
}

/** An answer with the tag by which its reader may change it. */
export function tagged(answer: object): Response {
  return Response.json(answer, { headers: { "cache-control": "no-store", etag: entityTagOf(answer) } });
}

/**
 * The conditions of a request as a check of what is there, to be made in the transaction that changes it: `If-Match` and
 * `If-None-Match` (RFC 9110 sections 13.1.1 and 13.1.2). Who read something and changes it overwrites nobody else's change
 * meanwhile. Weak tags, and what is no tag, match nothing.
 * @param answer what is there now, as a reader is answered; undefined when there is nothing
 * @throws Problem 412, with the present tag; from the returned function
 */
export function conditionsOf(c: HttpContext): (answer: object | undefined) => void {
  const ifMatch = c.req.header("if-match");
  const ifNoneMatch = c.req.header("if-none-match");
  return (answer) => {
    const current = answer && entityTagOf(answer);
    if (ifMatch !== undefined && !matches(ifMatch, current))
      throw overtaken(current, "It has changed since you read it");
    if (ifNoneMatch !== undefined && matches(ifNoneMatch, current)) throw overtaken(current, "It is there already");
  };
}

function matches(condition: string, current: string | undefined): boolean {
  if (current === undefined) return false;
  return condition.trim() === "*" || condition.split(",").some((tag) => tag.trim() === current);
}

function overtaken(current: string | undefined, sentence: string): Problem {
  return new Problem({
    code: "PRECONDITION_FAILED",
    status: 412,
    title: "It is not as the request wants it",
    detail: `${sentence}: read it again, and decide anew.`,
    headers: current === undefined ? {} : { etag: current },
  });
}
