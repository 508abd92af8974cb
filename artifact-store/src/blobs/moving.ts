import { Readable } from "node:stream";
import type { BlobBackend, BlobReader, Stage, StageWriter, StoredBlob } from "./contract.ts";
import type { BlobKey } from "./key.ts";

/**
 * Two places as one, while blobs move from the second to the first: new bytes go to `to`, reads look there first, removals
 * are made in both. An unfinished upload of `from` is taken over when somebody goes on with it (`takeOver`), so that
 * nothing is ever written to `from`. The same contract in and out.
 * @param takeOver copies a stage from `from` to `to` and drops it there; while `from` has a stage, that one counts
 */
export function movingBackend(
  to: BlobBackend,
  from: BlobBackend,
  takeOver: (id: string) => Promise<void>,
): BlobBackend {
  const taking = new Map<string, Promise<void>>();
  /** Once for all who ask at the same time. */
  const taken = async (id: string): Promise<void> => {
    const running = taking.get(id);
    if (running !== undefined) return await running;
    if ((await from.stageSize(id)) === undefined) return;
    const work = (taking.get(id) ?? takeOver(id)).finally(() => taking.delete(id));
    taking.set(id, work);
    await work;
  };
  return {
    place: to.place,
    rereadsStages: to.rereadsStages,
    shared: to.shared || from.shared,
    flushEveryBytes: to.flushEveryBytes,
    beginStage: (id, key) => to.beginStage(id, key),
    async writeStage(id): Promise<StageWriter> {
      await taken(id);
      return await to.writeStage(id);
    },
    stageSize: async (id) => (await from.stageSize(id)) ?? (await to.stageSize(id)),
    readStage(id) {
      const bytes = async function* (): AsyncGenerator<Uint8Array> {
        await taken(id);
        for await (const chunk of to.readStage(id)) yield chunk as Uint8Array;
      };
      return Readable.from(bytes(), { objectMode: false });
    },
    async dropStage(id) {
      await taking.get(id)?.catch(() => undefined);
      await from.dropStage(id);
      await to.dropStage(id);
    },
    async *stages(): AsyncGenerator<Stage> {
      const seen = new Set<string>();
      for await (const stage of to.stages()) {
        seen.add(stage.id);
        yield stage;
      }
      for await (const stage of from.stages()) if (!seen.has(stage.id) && !taking.has(stage.id)) yield stage;
    },
    openBlob: async (key): Promise<BlobReader | undefined> => (await to.openBlob(key)) ?? (await from.openBlob(key)),
    blobSize: async (key) => (await to.blobSize(key)) ?? (await from.blobSize(key)),
    async removeBlob(key: BlobKey) {
      // The old place first: the other way round, a copy in between would bring it back.
      await from.removeBlob(key);
      await to.removeBlob(key);
    },
    async *blobs(first, count): AsyncGenerator<StoredBlob> {
      const seen = new Set<BlobKey>();
      for await (const blob of to.blobs(first, count)) {
        seen.add(blob.key);
        yield blob;
      }
      for await (const blob of from.blobs(first, count)) if (!seen.has(blob.key)) yield blob;
    },
    isEmpty: async () => (await to.isEmpty()) && (await from.isEmpty()),
    identity: () => to.identity(),
    identify: (text, before) => to.identify(text, before),
    check: () => to.check(),
    async close() {
      await to.close();
      await from.close();
    },
  };
}
