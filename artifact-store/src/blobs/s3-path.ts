import { parseBlobKey, partsOfKey, type BlobKey } from "./key.ts";

/** Under it lie all blobs, by shard: a list of neighbouring shards is one list. */
export const blobsPath = "blobs/";

/** `blobs/ab/sha256-ab12…`, `blobs/ab/sha256-ab12….<16 digits>`, `blobs/3f/upload-3f…`. */
export function pathOfKey(key: BlobKey): string {
  const { shard, kind, name } = partsOfKey(key);
  return `${blobsPath}${shard}/${kind}-${name}`;
}

/** The shard and the key of what lies under `blobs/`; the key is undefined for what the store did not put there. */
export function keyOfPath(name: string): { readonly shard: string; readonly key: BlobKey | undefined } {
  const key = parseBlobKey(name.slice(3).replace("-", ":"));
  return {
    shard: name.slice(0, 2),
    key: key !== undefined && pathOfKey(key) === `${blobsPath}${name}` ? key : undefined,
  };
}
