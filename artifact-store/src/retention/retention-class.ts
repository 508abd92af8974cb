import { StoreError } from "../errors/index.ts";

/** How long manifests of one kind live. Times in milliseconds; null means without end. */
export interface RetentionClass {
  readonly name: string;
  /** From the push to the expiry that a manifest gets by itself. */
  readonly lifetimeMs: number | null;
  /** How far from its push an extension may move a manifest's expiry. */
  readonly longestMs: number | null;
  /** How long a manifest without expiry is kept after its last tag; null: untagged manifests are kept like tagged ones. */
  readonly untaggedMs: number | null;
  /** Whether nobody may delete a manifest before it expires. */
  readonly locked: boolean;
}

/** What applies where nobody chose: only people delete. */
export const standardClass: RetentionClass = {
  name: "standard",
  lifetimeMs: null,
  longestMs: null,
  untaggedMs: null,
  locked: false,
};

const namePattern = /^[a-z0-9]+(?:[._-][a-z0-9]+)*$/;

function duration(value: unknown, field: string): number | null {
  if (value === null) return null;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw new StoreError("RETENTION_INVALID", `${field} is a whole number of milliseconds, or null for no end`);
}

/** @throws StoreError RETENTION_INVALID */
export function parseRetentionClass(value: RetentionClass): RetentionClass {
  if (!namePattern.test(value.name) || value.name.length > 63) {
    throw new StoreError("RETENTION_INVALID", "a class's name has lower-case letters, digits, and - . _ between them");
  }
  const lifetimeMs = duration(value.lifetimeMs, "lifetimeMs");
  const longestMs = duration(value.longestMs, "longestMs");
  if (longestMs !== null && (lifetimeMs === null || lifetimeMs > longestMs)) {
    throw new StoreError("RETENTION_INVALID", "lifetimeMs must not be beyond longestMs");
  }
  if (value.locked && lifetimeMs === null) {
    throw new StoreError(
      "RETENTION_INVALID",
      "a locked class needs a lifetime: nobody could ever delete what is in it",
    );
  }
  const untaggedMs = duration(value.untaggedMs, "untaggedMs");
  return { name: value.name, lifetimeMs, longestMs, untaggedMs, locked: value.locked };
}
