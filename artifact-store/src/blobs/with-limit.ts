import type { BlobBackend, StageWriter } from "./contract.ts";
import { Turnstile } from "./turnstile.ts";

/**
 * At most `limit` operations at once, for a place that suffers from many. A stream of a blob that is open counts for nothing:
 * its reader may be slow, and would keep everybody else waiting. The same contract in and out.
 */
export function withLimit(backend: BlobBackend, limit: number): BlobBackend {
  const turnstile = new Turnstile(limit);
  const pass = <T>(work: () => Promise<T>): Promise<T> => turnstile.pass(work);
  const limited = (writer: StageWriter): StageWriter => ({
    size: () => pass(() => writer.size()),
    write: (chunks) => pass(() => writer.write(chunks)),
    flush: (hash) => pass(() => writer.flush(hash)),
    savedHash: () => pass(() => writer.savedHash()),
    commit: (key) => pass(() => writer.commit(key)),
    close: () => pass(() => writer.close()),
  });
  return {
    place: backend.place,
    rereadsStages: backend.rereadsStages,
    shared: backend.shared,
    flushEveryBytes: backend.flushEveryBytes,
    beginStage: async (id, key) => limited(await pass(() => backend.beginStage(id, key))),
    writeStage: async (id) => limited(await pass(() => backend.writeStage(id))),
    stageSize: (id) => pass(() => backend.stageSize(id)),
    readStage: (id) => backend.readStage(id),
    dropStage: (id) => pass(() => backend.dropStage(id)),
    stages: () => backend.stages(),
    openBlob: (key) => pass(() => backend.openBlob(key)),
    blobSize: (key) => pass(() => backend.blobSize(key)),
    removeBlob: (key) => pass(() => backend.removeBlob(key)),
    blobs: (first, count) => backend.blobs(first, count),
    isEmpty: () => pass(() => backend.isEmpty()),
    identity: () => pass(() => backend.identity()),
    identify: (text, before) => pass(() => backend.identify(text, before)),
    check: () => pass(() => backend.check()),
    close: () => backend.close(),
  };
}
