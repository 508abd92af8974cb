import type { ByteRange } from "./contract.ts";

/** What was asked for: from `start` (to `end`, inclusive, or the blob's end), or its last `suffix` bytes. */
export type RangeRequest = { readonly start: number; readonly end?: number } | { readonly suffix: number };

/** The bytes that answer a request; undefined when the blob has none of them (RFC 9110 section 14.1.2). */
export function resolveRange(request: RangeRequest, size: number): ByteRange | undefined {
  if ("suffix" in request) {
    return request.suffix === 0 || size === 0
      ? undefined
      : { start: Math.max(0, size - request.suffix), end: size - 1 };
  }
  const { start, end = Number.MAX_SAFE_INTEGER } = request;
  return start < size && start <= end ? { start, end: Math.min(end, size - 1) } : undefined;
}
