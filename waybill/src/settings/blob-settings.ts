import type { StoreOptions } from "@waybill/artifact-store";
import { setting, type SettingsDefinition, type SettingsOf } from "@waybill/foundation/config";

/** Where the bytes of a store are. Credentials for S3 come from where the AWS tools take them. */
export const blobSettings = {
  blobs: setting.string({
    env: "ARTIFACT_STORE_BLOBS",
    flag: "blobs",
    describe:
      "where blobs are kept: file:///folder or s3://bucket/prefix?endpoint=…&region=…; in the data folder when absent",
    optional: true,
    maxLength: 2000,
  }),
  blobsFrom: setting.string({
    env: "ARTIFACT_STORE_BLOBS_FROM",
    flag: "blobs-from",
    describe: "a place that blobs are moved from, in the background, to the one of --blobs",
    optional: true,
    maxLength: 2000,
  }),
  blobCache: setting.bytes({
    env: "ARTIFACT_STORE_BLOB_CACHE",
    flag: "blob-cache",
    describe: "memory for small blobs that are read again and again; 0 keeps none",
    default: "16MiB",
    max: "64GiB",
  }),
} as const satisfies SettingsDefinition;

export function placesOf(
  settings: SettingsOf<typeof blobSettings>,
): Pick<StoreOptions, "blobs" | "blobsFrom" | "blobCacheBytes"> {
  const { blobs, blobsFrom, blobCache: blobCacheBytes } = settings;
  return {
    blobCacheBytes,
    ...(blobs === undefined ? {} : { blobs }),
    ...(blobsFrom === undefined ? {} : { blobsFrom }),
  };
}
