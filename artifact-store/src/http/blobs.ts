import { access } from "@waybill/foundation/auth";
import { ALREADY_SENT, type HttpContext, type HttpRoute } from "@waybill/foundation/http";
import type { Logger } from "@waybill/foundation/telemetry";
import { resolveRange, type ByteRange } from "../blobs/index.ts";
import type { OpenBlob, Store } from "../store/index.ts";
import { refusal } from "./errors.ts";
import type { Gate } from "./gate.ts";
import { parseRangeHeader } from "./range.ts";
import { digestIn } from "./digest.ts";

const path = "/v2/:name{.+}/blobs/:digest";

export function blobRoutes(store: Store, gate: Gate, log: Logger): HttpRoute[] {
  /** "Pulling blobs" (end-2): GET, whole or a range; HEAD tells whether it is there. */
  async function read(c: HttpContext): Promise<Response> {
    const repository = gate.repository(c, "pull");
    const digest = digestIn(c.req.param("digest"));
    const etag = `"${digest}"`;
    if (c.req.method === "HEAD") {
      const { size } = await store.blobs.stat(repository, digest);
      return new Response(null, { headers: headersOf(digest, size) });
    }
    const blob = await store.blobs.open(repository, digest);
    if (matches(c.req.header("if-none-match"), etag)) {
      await blob.reader.close();
      return new Response(null, { status: 304, headers: { etag, "docker-content-digest": digest } });
    }
    const asked = rangeAsked(c, etag);
    const range = asked === undefined ? undefined : resolveRange(asked, blob.size);
    if (asked !== undefined && range === undefined) {
      await blob.reader.close();
      throw refusal(416, "SIZE_INVALID", `the blob has ${blob.size} bytes`, {
        "content-range": `bytes */${blob.size}`,
      });
    }
    await send(c, blob, range);
    return ALREADY_SENT;
  }

  async function send(c: HttpContext, blob: OpenBlob, range: ByteRange | undefined): Promise<void> {
    const { outgoing } = c.env;
    const length = range === undefined ? blob.size : range.end - range.start + 1;
    const headers = headersOf(blob.digest, length);
    if (range === undefined) outgoing.writeHead(200, headers);
    else outgoing.writeHead(206, { ...headers, "content-range": `bytes ${range.start}-${range.end}/${blob.size}` });
    try {
      await blob.reader.copyTo(outgoing, range);
      outgoing.end();
    } catch (error) {
      // The status is out already: a connection that breaks is the only way left to say that the bytes are not whole.
      if (!outgoing.destroyed) log.error({ err: error, digest: blob.digest }, "reading a blob failed under its reader");
      outgoing.destroy();
    }
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

function headersOf(digest: string, length: number): Record<string, string> {
  return {
    "content-type": "application/octet-stream",
    "content-length": String(length),
    "docker-content-digest": digest,
    "accept-ranges": "bytes",
    etag: `"${digest}"`,
    // A digest never means other bytes; but who may read them can change, so no shared cache keeps them.
    "cache-control": "private, max-age=31536000, immutable",
  };
}

/** RFC 9110 section 13.1.2. */
export function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  return (ifNoneMatch ?? "").split(",").some((tag) => tag.trim().replace(/^W\//, "") === etag);
}

/** RFC 9110 section 13.1.5: a range of something else than the client has a part of would be of no use to it. */
function rangeAsked(c: HttpContext, etag: string): ReturnType<typeof parseRangeHeader> {
  const ifRange = c.req.header("if-range");
  return ifRange === undefined || ifRange === etag ? parseRangeHeader(c.req.header("range")) : undefined;
}
