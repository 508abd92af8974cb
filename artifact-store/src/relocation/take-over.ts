import type { BlobBackend } from "../blobs/index.ts";
import type { DigestAlgorithm, HashPool } from "../digest/index.ts";

/** Copied at once; a stage has no more in memory. */
const batchBytes = 256 * 1024;

/**
 * Brings an unfinished upload to another place, with the digest that goes on there, and drops it in the old one. Killed in
 * between, the old one still has it and the next call begins anew.
 */
export async function takeOverStage(
  id: string,
  parts: {
    readonly from: BlobBackend;
    readonly to: BlobBackend;
    readonly pool: HashPool;
    /** Of the digest that it will be finished with, as far as one knows. */
    readonly algorithm: DigestAlgorithm;
  },
): Promise<void> {
  const { from, to, pool, algorithm } = parts;
  await to.dropStage(id);
  const writer = await to.beginStage(id);
  const hasher = to.rereadsStages ? undefined : pool.resumableHasher(algorithm);
  try {
    let batch: Uint8Array[] = [];
    let held = 0;
    const put = async (): Promise<void> => {
      await writer.write(batch);
      for (const chunk of batch) await hasher?.update(chunk);
      batch = [];
      held = 0;
    };
    for await (const chunk of from.readStage(id)) {
      batch.push(chunk as Uint8Array);
      held += (chunk as Uint8Array).byteLength;
      if (held >= batchBytes) await put();
    }
    await put();
    const state = await hasher?.save();
    await writer.flush(state && { algorithm, state });
  } finally {
    hasher?.drop();
    await writer.close();
  }
  await from.dropStage(id);
}
