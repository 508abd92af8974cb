import { access } from "@waybill/foundation/auth";
import type { HttpContext, HttpRoute } from "@waybill/foundation/http";
import type { Store } from "../store/index.ts";
import { refusal } from "./errors.ts";
import { parseTag } from "../names/index.ts";
import { repositoryOf } from "./repository.ts";

/** Most tags in one answer; the rest by `Link`, so that memory and time do not grow with the repository. */
const largestPage = 10_000;

export function tagRoutes(store: Store): HttpRoute[] {
  /** "Listing Tags" (end-8a, end-8b). */
  async function list(c: HttpContext): Promise<Response> {
    const repository = repositoryOf(c, "read");
    const limit = limitAsked(c.req.query("n"));
    const last = c.req.query("last");
    const page = await store.tags.list(repository, {
      limit,
      ...(last === undefined || last === "" ? {} : { after: parseTag(last) }),
    });
    const headers = new Headers({ "content-type": "application/json" });
    const end = page.tags.at(-1);
    if (page.more && end !== undefined) {
      const query = new URLSearchParams({ n: String(limit), last: end });
      headers.set("link", `</v2/${repository}/tags/list?${query.toString()}>; rel="next"`);
    }
    return new Response(JSON.stringify({ name: repository, tags: page.tags }), { headers });
  }

  return [{ method: "GET", path: "/v2/:name{.+}/tags/list", access: access.everyone, handler: list }];
}

function limitAsked(text: string | undefined): number {
  if (text === undefined || text === "") return largestPage;
  if (!/^\d{1,15}$/.test(text)) throw refusal(400, "UNSUPPORTED", "n is a whole number of tags");
  return Math.min(Number(text), largestPage);
}
