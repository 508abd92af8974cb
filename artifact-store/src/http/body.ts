import type { HttpContext } from "@waybill/foundation/http";
import { StoreError } from "../errors/index.ts";
import type { ByteSource } from "../uploads/index.ts";
import { incomingChunks } from "../streams/index.ts";
import { parseChunkRange } from "./range.ts";

/** A request's body on its way into a blob, and where in the blob its sender says that it belongs. */
export interface Chunk {
  readonly source: ByteSource;
  readonly offset?: number;
}

/**
 * The body as a source. What its headers say is checked before its first byte is asked for.
 * @throws StoreError TOO_LARGE, SIZE_INVALID, RANGE_INVALID
 */
export function bodyOf(c: HttpContext, limits: { readonly largestBlobBytes: number }): Chunk {
  const { incoming } = c.env;
  const header = c.req.header("content-length");
  const declared = header === undefined ? undefined : Number(header);
  if (declared !== undefined && declared > limits.largestBlobBytes) {
    throw new StoreError(
      "TOO_LARGE",
      `a blob may have at most ${limits.largestBlobBytes} bytes, ${header} are announced`,
    );
  }
  const contentRange = c.req.header("content-range");
  const range = contentRange === undefined ? undefined : parseChunkRange(contentRange);
  if (contentRange !== undefined && range === undefined) {
    throw new StoreError("RANGE_INVALID", "Content-Range of a chunk is <first byte>-<last byte>");
  }
  if (range !== undefined && declared !== undefined && range.length !== declared) {
    throw new StoreError("SIZE_INVALID", `Content-Range says ${range.length} bytes, Content-Length ${declared}`);
  }
  const length = declared ?? range?.length;
  return {
    source: { chunks: incomingChunks(incoming), givenAway: true, ...(length === undefined ? {} : { length }) },
    ...(range === undefined ? {} : { offset: range.start }),
  };
}

/** Whether the request brings bytes at all (RFC 9112 section 6.3). */
export function hasBody(c: HttpContext): boolean {
  return c.req.header("transfer-encoding") !== undefined || (c.req.header("content-length") ?? "0") !== "0";
}
