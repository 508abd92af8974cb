import type { RangeRequest } from "../blobs/index.ts";

/**
 * The `Range` header of a GET (RFC 9110 section 14.2). Undefined when the whole is to be sent: no header, another unit,
 * several ranges, or something that is no range; a server may ignore those.
 */
export function parseRangeHeader(header: string | undefined): RangeRequest | undefined {
  const match = /^bytes=(?:(\d{1,15})-(\d{1,15})?|-(\d{1,15}))$/i.exec(header?.trim() ?? "");
  if (match === null) return undefined;
  const [, start, end, suffix] = match;
  if (suffix !== undefined) return { suffix: Number(suffix) };
  if (end === undefined) return { start: Number(start) };
  // A last byte before the first is no range; RFC 9110 lets a server refuse it (416), which tells the client more.
  return { start: Number(start), end: Number(end) };
}

/** `Content-Range` of an upload's chunk ("Pushing a blob in chunks"): `0-1023`, both inclusive. */
export function parseChunkRange(header: string): { readonly start: number; readonly length: number } | undefined {
  const match = /^(\d{1,15})-(\d{1,15})$/.exec(header);
  if (match === null) return undefined;
  const start = Number(match[1]);
  const length = Number(match[2]) - start + 1;
  return length > 0 ? { start, length } : undefined;
}
