import type { BlobDamage, BlobRequest, Digest } from "@waybill/artifact-store";
import { Counter, Histogram, type Logger, type Registry } from "@waybill/foundation/telemetry";

/**
 * Counts requests to S3. Operations are the few that the store sends, outcomes a handful: the number of series is bounded.
 * @returns what `openStore` takes as `onBlobRequest`
 */
export function countBlobRequests(registry: Registry): (request: BlobRequest) => void {
  const requests = new Counter({
    name: "artifact_store_s3_requests_total",
    help: "Requests to S3, each attempt",
    labelNames: ["operation", "outcome"],
    registers: [registry],
  });
  const seconds = new Histogram({
    name: "artifact_store_s3_request_duration_seconds",
    help: "Time from a request to S3 to the head of its answer",
    labelNames: ["operation"],
    buckets: [0.005, 0.025, 0.1, 0.5, 1, 5, 30],
    registers: [registry],
  });
  return ({ operation, outcome, seconds: taken }) => {
    requests.inc({ operation, outcome });
    seconds.observe({ operation }, taken);
  };
}

/**
 * Counts and logs blobs that a reading found damaged, each once until it is healed.
 * @returns what `openStore` takes as `onBlobDamage`
 */
export function reportBlobDamage(registry: Registry, log: Logger): (damage: BlobDamage) => void {
  const found = new Counter({
    name: "artifact_store_damaged_blobs_total",
    help: "Blobs that a reading found damaged, each once until it is pushed again",
    registers: [registry],
  });
  return ({ digest, detail }) => {
    found.inc();
    log.error({ digest }, `a blob is damaged: ${detail}`);
  };
}

/**
 * Counts and logs blobs that were damaged and that a push healed.
 * @returns what `openStore` takes as `onBlobHealed`
 */
export function reportBlobHealed(registry: Registry, log: Logger): (digest: Digest) => void {
  const healed = new Counter({
    name: "artifact_store_healed_blobs_total",
    help: "Blobs that were found damaged and that a push healed",
    registers: [registry],
  });
  return (digest) => {
    healed.inc();
    log.info({ digest }, "a damaged blob is healed: its bytes were pushed again");
  };
}
