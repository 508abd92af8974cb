import { randomBytes } from "node:crypto";
import { parseDigest, type Digest } from "../digest/index.ts";

/** A name for bytes whose ordinary one is being deleted: the digest, a dot and 16 random hex digits. */
type FreshKey = string & { readonly __brand: "FreshKey" };

/** A name for bytes that began to be written before their digest was known: `upload:` and a UUID. */
type UploadKey = string & { readonly __brand: "UploadKey" };

/**
 * Under what a backend keeps a blob: its digest, a fresh key, or the id of the upload that brought it. Deleting and
 * writing the same digest at the same time thereby never meet in one place.
 */
export type BlobKey = Digest | FreshKey | UploadKey;

const suffix = /\.[0-9a-f]{16}$/;
const uploadPrefix = "upload:";
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export function freshKey(digest: Digest): BlobKey {
  return `${digest}.${randomBytes(8).toString("hex")}` as FreshKey;
}

/** @param id of a stage: a UUID */
export function uploadKey(id: string): BlobKey {
  return `${uploadPrefix}${id}` as UploadKey;
}

/** The id of the upload that brought the bytes under a key; undefined for a key that is named by digest. */
export function uploadOfKey(key: BlobKey): string | undefined {
  return key.startsWith(uploadPrefix) ? key.slice(uploadPrefix.length) : undefined;
}

/** The digest of the bytes that lie under a key; undefined when only the catalog knows. */
export function digestOfKey(key: BlobKey): Digest | undefined {
  return key.startsWith(uploadPrefix) ? undefined : (key.replace(suffix, "") as Digest);
}

/** Undefined for what is no key. */
export function parseBlobKey(text: string): BlobKey | undefined {
  const isKey = text.startsWith(uploadPrefix)
    ? isStageId(text.slice(uploadPrefix.length))
    : parseDigest(text.replace(suffix, "")) !== undefined;
  return isKey ? (text as BlobKey) : undefined;
}

/** Ids of stages and uploads become parts of paths. */
export function isStageId(text: string): boolean {
  return uuid.test(text);
}

/** The two digits of a key's shard, and its name in there: `ab`, `sha256`, `ab12…` with `.<16 digits>` for a fresh key. */
export function partsOfKey(key: BlobKey): { readonly shard: string; readonly kind: string; readonly name: string } {
  const [kind = "", name = ""] = key.split(":");
  return { shard: name.slice(0, 2), kind, name };
}

/** The shards of a range, in their two digits. @throws RangeError */
export function shardNames(first: number, count: number): string[] {
  if (!Number.isInteger(first) || !Number.isInteger(count) || first < 0 || count < 1 || first + count > 256) {
    throw new RangeError(`no shards from ${first} on, ${count} of them`);
  }
  return Array.from({ length: count }, (_, index) => (first + index).toString(16).padStart(2, "0"));
}
