import { access } from "@waybill/foundation/auth";
import type { HttpContext, HttpRoute } from "@waybill/foundation/http";
import { parseRepositoryName } from "../names/index.ts";
import type { Store } from "../store/index.ts";
import type { Gate } from "./gate.ts";
import { pageOf, pageSize } from "./page.ts";

const path = "/v2/_catalog";

/** The list of repositories: not in the OCI specification, but in the one it comes from, and clients ask for it. */
export function catalogRoutes(store: Store, gate: Gate): HttpRoute[] {
  async function list(c: HttpContext): Promise<Response> {
    const visible = gate.catalog(c);
    const limit = pageSize(c);
    const last = c.req.query("last");
    const page = await store.repositories.list({
      visible,
      limit,
      ...(last === undefined || last === "" ? {} : { after: parseRepositoryName(last) }),
    });
    const end = page.more ? page.repositories.at(-1) : undefined;
    return pageOf(path, { repositories: page.repositories }, end === undefined ? undefined : { n: limit, last: end });
  }

  return [{ method: "GET", path, access: access.everyone, handler: list }];
}
