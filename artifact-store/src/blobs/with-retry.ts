import type { BlobBackend } from "./contract.ts";
import { defaultRetryPolicy, retrying, type RetryPolicy } from "./retry.ts";

/**
 * Tries again what failed with STORAGE_UNAVAILABLE and is harmless to repeat: looking, opening, dropping, removing. What is
 * written is not: after a failure nobody knows how much of it arrived, so that is for who knows the offset. The same
 * contract in and out.
 */
export function withRetry(backend: BlobBackend, policy: RetryPolicy = defaultRetryPolicy): BlobBackend {
  const again = <T>(work: () => Promise<T>): Promise<T> => retrying(work, policy);
  return {
    place: backend.place,
    rereadsStages: backend.rereadsStages,
    shared: backend.shared,
    flushEveryBytes: backend.flushEveryBytes,
    beginStage: (id, key) => backend.beginStage(id, key),
    writeStage: (id) => again(() => backend.writeStage(id)),
    stageSize: (id) => again(() => backend.stageSize(id)),
    readStage: (id) => backend.readStage(id),
    dropStage: (id) => again(() => backend.dropStage(id)),
    stages: () => backend.stages(),
    openBlob: (key) => again(() => backend.openBlob(key)),
    blobSize: (key) => again(() => backend.blobSize(key)),
    removeBlob: (key) => again(() => backend.removeBlob(key)),
    blobs: (first, count) => backend.blobs(first, count),
    isEmpty: () => again(() => backend.isEmpty()),
    identity: () => again(() => backend.identity()),
    identify: (text, before) => backend.identify(text, before),
    check: () => backend.check(),
    close: () => backend.close(),
  };
}
