import { randomBytes } from "node:crypto";
import { parseDigest, type Digest } from "../digest/index.ts";

/** A name for bytes whose ordinary one is being deleted: the digest, a dot and 16 random hex digits. */
type FreshKey = string & { readonly __brand: "FreshKey" };

/**
 * Under what a backend keeps a blob: its digest, or a fresh key. Deleting and writing the same digest at the same time
 * thereby never meet in one place.
 */
export type BlobKey = Digest | FreshKey;

const suffix = /\.[0-9a-f]{16}$/;

export function freshKey(digest: Digest): BlobKey {
  return `${digest}.${randomBytes(8).toString("hex")}` as FreshKey;
}

/** The digest of the bytes that lie under a key. */
export function digestOfKey(key: BlobKey): Digest {
  return key.replace(suffix, "") as Digest;
}

/** Undefined for what is no key. */
export function parseBlobKey(text: string): BlobKey | undefined {
  return parseDigest(text.replace(suffix, "")) === undefined ? undefined : (text as BlobKey);
}
