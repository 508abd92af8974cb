import { inParallel } from "@waybill/foundation/concurrency";
import { shardCount, type BlobBackend, type BlobKey } from "../blobs/index.ts";
import { everyBlob, isNamedKey, keyOfBlob, sizeOfBlobs, type Catalog, type NamedBlob } from "../catalog/index.ts";
import { algorithmOf, type Digest, type HashPool } from "../digest/index.ts";
import { StoreError } from "../errors/index.ts";

/** Something that is not as the catalog says. `unnamed` bytes may be an upload's that is ending at this moment. */
export interface AuditFinding {
  readonly kind: "missing" | "corrupt" | "unnamed";
  readonly key: BlobKey;
  readonly detail: string;
}

export interface AuditResult {
  readonly blobs: number;
  /** Bytes read. */
  readonly bytes: number;
  /** Of named blobs in the order of their digests, then what nobody names. */
  readonly findings: readonly AuditFinding[];
}

export interface AuditProgress {
  /** Blobs read to their end, of those that there were at the start; more may have come since. */
  readonly blobs: number;
  readonly ofBlobs: number;
  readonly bytes: number;
  readonly ofBytes: number;
}

/** Blobs that are read at once. Far away, most of the time of a small one is waiting; a disk is near, and others want it, too. */
const atOnce = { far: 8, near: 2 } as const;

/**
 * Reads every byte and every name, changes nothing, and tells what does not fit. Holds a few chunks of each blob that it
 * reads at the moment, and its findings.
 * @throws StoreError when the place of the bytes does not answer, and whatever `signal` was aborted with
 */
export async function auditBlobs(parts: {
  readonly catalog: Catalog;
  readonly backend: Pick<BlobBackend, "shared" | "openBlob" | "blobSize" | "blobs">;
  readonly pool: HashPool;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: AuditProgress) => void;
}): Promise<AuditResult> {
  const { catalog, backend, signal, onProgress } = parts;
  const all = await sizeOfBlobs(catalog);
  const misfits: { readonly digest: Digest; readonly finding: AuditFinding }[] = [];
  let blobs = 0;
  let bytes = 0;
  await inParallel(everyBlob(catalog), backend.shared ? atOnce.far : atOnce.near, async (blob) => {
    const { bytesRead, finding } = await auditBlob(parts, blob);
    blobs++;
    bytes += bytesRead;
    if (finding !== undefined) misfits.push({ digest: blob.digest, finding });
    onProgress?.({ blobs, ofBlobs: all.blobs, bytes, ofBytes: all.bytes });
  });
  const findings = misfits.toSorted((a, b) => (a.digest < b.digest ? -1 : 1)).map(({ finding }) => finding);
  for await (const { key, size } of backend.blobs(0, shardCount)) {
    signal?.throwIfAborted();
    // A list may still show what is gone.
    if ((await isNamedKey(catalog, key)) || (await backend.blobSize(key)) === undefined) continue;
    findings.push({ kind: "unnamed", key, detail: `${size} bytes that no blob names` });
  }
  return { blobs, bytes, findings };
}

async function auditBlob(
  parts: Parameters<typeof auditBlobs>[0],
  blob: NamedBlob,
): Promise<{ readonly bytesRead: number; readonly finding?: AuditFinding }> {
  const { digest, key, size } = blob;
  const seen = await readBlob(parts, blob);
  const bytesRead = typeof seen === "object" ? seen.size : 0;
  if (typeof seen === "object" && seen.digest === digest && seen.size === size) return { bytesRead };
  // It may have been deleted, or put elsewhere, while it was read.
  if ((await keyOfBlob(parts.catalog, digest)) !== key) return { bytesRead };
  if (seen === undefined) {
    const detail = `${size} bytes are named, and there are none`;
    return { bytesRead, finding: { kind: "missing", key, detail } };
  }
  const detail =
    typeof seen === "string"
      ? `it cannot be read: ${seen}`
      : `${seen.size} bytes with the digest ${seen.digest}, not ${size} bytes`;
  return { bytesRead, finding: { kind: "corrupt", key, detail } };
}

/** What lies there, undefined when nothing does, or why the medium does not give it. */
async function readBlob(
  { backend, pool, signal }: Parameters<typeof auditBlobs>[0],
  { digest, key }: NamedBlob,
): Promise<{ readonly size: number; readonly digest: Digest } | string | undefined> {
  signal?.throwIfAborted();
  const hasher = pool.hasher(algorithmOf(digest));
  /** Whether what fails now is the medium's failure. */
  let isReading = true;
  try {
    const reader = await backend.openBlob(key);
    if (reader === undefined) return undefined;
    for await (const chunk of reader.stream()) {
      isReading = false;
      signal?.throwIfAborted();
      await hasher.update(chunk as Uint8Array);
      isReading = true;
    }
    isReading = false;
    return { size: reader.size, digest: await hasher.digest() };
  } catch (error) {
    hasher.drop();
    // A place that does not answer says nothing about this blob, and would say the same of all others.
    if (!isReading || error instanceof StoreError) throw error;
    return error instanceof Error ? error.message : String(error);
  }
}
