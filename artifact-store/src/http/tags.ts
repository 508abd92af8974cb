import { access } from "@waybill/foundation/auth";
import type { HttpContext, HttpRoute } from "@waybill/foundation/http";
import { parseTag } from "../names/index.ts";
import type { Store } from "../store/index.ts";
import type { Gate } from "./gate.ts";
import { pageOf, pageSize } from "./page.ts";

export function tagRoutes(store: Store, gate: Gate): HttpRoute[] {
  /** "Listing Tags" (end-8a, end-8b). */
  async function list(c: HttpContext): Promise<Response> {
    const repository = gate.repository(c, "pull");
    const limit = pageSize(c);
    const last = c.req.query("last");
    const page = await store.tags.list(repository, {
      limit,
      ...(last === undefined || last === "" ? {} : { after: parseTag(last) }),
    });
    const end = page.more ? page.tags.at(-1) : undefined;
    const body = { name: repository, tags: page.tags };
    return pageOf(`/v2/${repository}/tags/list`, body, end === undefined ? undefined : { n: limit, last: end });
  }

  return [{ method: "GET", path: "/v2/:name{.+}/tags/list", access: access.everyone, handler: list }];
}
