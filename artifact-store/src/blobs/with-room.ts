import type { BlobBackend } from "./contract.ts";

/**
 * Asks before bytes are written, and says no by rejecting. Reading, removing and committing what was written go on: they free
 * room or need none. The same contract in and out.
 */
export function withRoom(backend: BlobBackend, askForRoom: () => Promise<void>): BlobBackend {
  return {
    place: backend.place,
    rereadsStages: backend.rereadsStages,
    shared: backend.shared,
    flushEveryBytes: backend.flushEveryBytes,
    async beginStage(id, key) {
      await askForRoom();
      return await backend.beginStage(id, key);
    },
    async writeStage(id) {
      await askForRoom();
      return await backend.writeStage(id);
    },
    stageSize: (id) => backend.stageSize(id),
    readStage: (id) => backend.readStage(id),
    dropStage: (id) => backend.dropStage(id),
    stages: () => backend.stages(),
    openBlob: (key) => backend.openBlob(key),
    blobSize: (key) => backend.blobSize(key),
    removeBlob: (key) => backend.removeBlob(key),
    blobs: (first, count) => backend.blobs(first, count),
    isEmpty: () => backend.isEmpty(),
    identity: () => backend.identity(),
    identify: (text, before) => backend.identify(text, before),
    async check() {
      await askForRoom();
      await backend.check();
    },
    close: () => backend.close(),
  };
}
