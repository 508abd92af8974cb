import type { Store, StoreOptions } from "@waybill/artifact-store";
import { setting, type SettingsDefinition, type SettingsOf } from "@waybill/foundation/config";
import type { Logger } from "@waybill/foundation/telemetry";

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
    describe: "memory for small blobs of S3 that are read again and again; 0 keeps none",
    default: "32MiB",
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

const retryAfterMs = 30_000;
const tellEveryMs = 10_000;

/** Moves what `--blobs-from` names while the store serves, trying again until it is done. Ends with the store. */
export function moveInBackground(store: Store, log: Logger): { close(): void } {
  const { relocation } = store;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;
  if (relocation === undefined) return { close: () => undefined };
  const run = async (): Promise<void> => {
    let toldAt = performance.now();
    try {
      log.info("blobs are being moved; the store serves meanwhile");
      const result = await relocation.run({
        onProgress(progress) {
          if (performance.now() - toldAt < tellEveryMs) return;
          toldAt = performance.now();
          log.info({ ...progress }, "blobs are being moved");
        },
      });
      const { damaged, ...sums } = result;
      log.info({ ...sums, damaged: damaged.length }, "all blobs are moved: --blobs-from is not needed any more");
      for (const { digest, detail } of damaged)
        log.error({ digest }, `a blob was damaged before it was moved: ${detail}`);
    } catch (error) {
      if (isClosed) return;
      log.error({ err: error }, "the move of the blobs stopped, and will be tried again");
      timer = setTimeout(() => void run(), retryAfterMs).unref();
    }
  };
  void run();
  return {
    close() {
      isClosed = true;
      clearTimeout(timer);
    },
  };
}
