import type { BlobBackend, StageWriter } from "./contract.ts";

/** Lets so many in at once; the others wait in the order in which they came. */
class Turnstile {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(limit: number) {
    if (!Number.isInteger(limit) || limit < 1)
      throw new RangeError("a limit of operations is a whole number from 1 on");
    this.#free = limit;
  }

  async pass<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}

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
