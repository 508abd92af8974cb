import type { Store } from "@waybill/artifact-store";
import type { Logger } from "@waybill/foundation/telemetry";

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
