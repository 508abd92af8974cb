import type { HttpContext } from "@waybill/foundation/http";
import { refusal } from "./errors.ts";

/** Most names in one answer; the rest by `Link`, so that memory and time do not grow with what is listed. */
const largestPage = 10_000;

/** `n` of a list: how many the client wants, at most as many as a page holds. */
export function pageSize(c: HttpContext): number {
  const text = c.req.query("n");
  if (text === undefined || text === "") return largestPage;
  if (!/^\d{1,15}$/.test(text)) throw refusal(400, "UNSUPPORTED", "n is a whole number: how many to list");
  return Math.min(Number(text), largestPage);
}

/** A list, with the way to its next page (RFC 8288) where there is one. */
export function pageOf(
  path: string,
  body: unknown,
  next: { readonly n: number; readonly last: string } | undefined,
): Response {
  const headers = new Headers({ "content-type": "application/json" });
  if (next !== undefined) {
    const query = new URLSearchParams({ n: String(next.n), last: next.last });
    headers.set("link", `<${path}?${query.toString()}>; rel="next"`);
  }
  return new Response(JSON.stringify(body), { headers });
}
