import { access } from "@waybill/foundation/auth";
import type { HttpContext, HttpRoute } from "@waybill/foundation/http";
import type { Logger } from "@waybill/foundation/telemetry";
import type { Store } from "../store/index.ts";
import { headersOf, sendBlob } from "./blob-answer.ts";
import type { Gate } from "./gate.ts";
import { digestIn } from "./digest.ts";

const path = "/v2/:name{.+}/blobs/:digest";

export function blobRoutes(store: Store, gate: Gate, log: Logger): HttpRoute[] {
  /** "Pulling blobs" (end-2): GET, whole or a range; HEAD tells whether it is there. */
  async function read(c: HttpContext): Promise<Response> {
    const repository = gate.repository(c, "pull");
    const digest = digestIn(c.req.param("digest"));
    if (c.req.method === "HEAD") {
      const { size } = await store.blobs.stat(repository, digest);
      return new Response(null, { headers: headersOf(digest, size) });
    }
    return await sendBlob(c, await store.blobs.open(repository, digest), log);
  }

  /** "Deleting Blobs" (end-10). The repository no longer shows it; others that do keep it. */
  async function remove(c: HttpContext): Promise<Response> {
    await store.blobs.remove(gate.repository(c, "delete"), digestIn(c.req.param("digest")));
    return new Response(null, { status: 202, headers: { "content-length": "0" } });
  }

  return [
    { method: "GET", path, access: access.everyone, handler: read },
    { method: "DELETE", path, access: access.everyone, handler: remove },
  ];
}
