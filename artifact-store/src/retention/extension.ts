import { StoreError } from "../errors/index.ts";
import type { RetentionClass } from "./retention-class.ts";

/**
 * The expiry that an extension leads to: never an earlier one, and within the limit of the class.
 * @throws StoreError RETENTION_INVALID
 */
export function extendedUntil(
  manifest: { readonly createdAt: number; readonly expiresAt: number | undefined; readonly class: RetentionClass },
  until: number,
): number {
  if (!Number.isSafeInteger(until) || until < 0)
    throw new StoreError("RETENTION_INVALID", "until is a time in milliseconds");
  if (manifest.expiresAt === undefined) {
    throw new StoreError("RETENTION_INVALID", "this manifest has no expiry that could be extended");
  }
  const { longestMs, name } = manifest.class;
  if (longestMs !== null && until > manifest.createdAt + longestMs) {
    const latest = new Date(manifest.createdAt + longestMs).toISOString();
    throw new StoreError("RETENTION_INVALID", `class ${name} allows an extension until ${latest} at most`);
  }
  return Math.max(until, manifest.expiresAt);
}
