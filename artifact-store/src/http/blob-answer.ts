import { ALREADY_SENT, answerAtOnce, type HttpContext } from "@waybill/foundation/http";
import type { Logger } from "@waybill/foundation/telemetry";
import { resolveRange } from "../blobs/index.ts";
import type { OpenBlob } from "../store/index.ts";
import { refusal } from "./errors.ts";
import { parseRangeHeader } from "./range.ts";

/**
 * Answers a GET or HEAD with the bytes of an open blob: whole, a range, or not at all when the client has them. Closes it.
 * @throws Problem 416
 */
export async function sendBlob(
  c: HttpContext,
  blob: OpenBlob,
  log: Logger,
  more: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const etag = `"${blob.digest}"`;
  if (c.req.method === "HEAD") {
    await blob.reader.close();
    return new Response(null, { headers: { ...headersOf(blob.digest, blob.size), ...more } });
  }
  if (matches(c.req.header("if-none-match"), etag)) {
    await blob.reader.close();
    return new Response(null, { status: 304, headers: { etag, "docker-content-digest": blob.digest } });
  }
  const asked = rangeAsked(c, etag);
  const range = asked === undefined ? undefined : resolveRange(asked, blob.size);
  if (asked !== undefined && range === undefined) {
    await blob.reader.close();
    throw refusal(416, "SIZE_INVALID", `the blob has ${blob.size} bytes`, {
      "content-range": `bytes */${blob.size}`,
    });
  }
  const { outgoing } = c.env;
  const length = range === undefined ? blob.size : range.end - range.start + 1;
  const headers: Record<string, string> = { ...headersOf(blob.digest, length), ...more };
  const { held } = blob.reader;
  if (range !== undefined) {
    headers["content-range"] = `bytes ${range.start}-${range.end}/${blob.size}`;
    if (held !== undefined) return answerAtOnce(c, 206, headers, held.subarray(range.start, range.end + 1));
  } else if (held !== undefined) return answerAtOnce(c, 200, headers, held);
  outgoing.writeHead(range === undefined ? 200 : 206, headers);
  try {
    await blob.reader.copyTo(outgoing, range);
    outgoing.end();
  } catch (error) {
    // The status is out already: a connection that breaks is the only way left to say that the bytes are not whole.
    if (!outgoing.destroyed) log.error({ err: error, digest: blob.digest }, "reading a blob failed under its reader");
    outgoing.destroy();
  }
  return ALREADY_SENT;
}

export function headersOf(digest: string, length: number): Record<string, string> {
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
