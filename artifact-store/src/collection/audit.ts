import { shardCount, type BlobBackend, type BlobKey } from "../blobs/index.ts";
import { isNamedKey, keyOfBlob, pageBlobs, type Catalog } from "../catalog/index.ts";
import { algorithmOf, type Digest, type HashPool } from "../digest/index.ts";

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
  readonly findings: readonly AuditFinding[];
}

const pageSize = 200;

/** Reads every byte and every name, changes nothing, and tells what does not fit. */
export async function auditBlobs(parts: {
  readonly catalog: Catalog;
  readonly backend: BlobBackend;
  readonly pool: HashPool;
  readonly signal?: AbortSignal;
}): Promise<AuditResult> {
  const { catalog, backend, pool, signal } = parts;
  const findings: AuditFinding[] = [];
  let blobs = 0;
  let bytes = 0;
  for (let after = ""; ;) {
    const page = await pageBlobs(catalog, after, pageSize);
    for (const { digest, key, size } of page) {
      signal?.throwIfAborted();
      const found = await readBlob(backend, pool, digest, key);
      blobs++;
      bytes += found?.size ?? 0;
      if (found?.digest === digest && found.size === size) continue;
      // It may have been deleted, or put elsewhere, while it was read.
      if ((await keyOfBlob(catalog, digest)) !== key) continue;
      findings.push(
        found === undefined
          ? { kind: "missing", key, detail: `${size} bytes are named, and there are none` }
          : { kind: "corrupt", key, detail: `${found.size} bytes with the digest ${found.digest}, not ${size} bytes` },
      );
    }
    const last = page.at(-1);
    if (last === undefined) break;
    after = last.digest;
  }
  for await (const { key, size } of backend.blobs(0, shardCount)) {
    signal?.throwIfAborted();
    if (await isNamedKey(catalog, key)) continue;
    findings.push({ kind: "unnamed", key, detail: `${size} bytes that no blob names` });
  }
  return { blobs, bytes, findings };
}

async function readBlob(
  backend: BlobBackend,
  pool: HashPool,
  digest: Digest,
  key: BlobKey,
): Promise<{ readonly size: number; readonly digest: Digest } | undefined> {
  const reader = await backend.openBlob(key);
  if (reader === undefined) return undefined;
  const hasher = pool.hasher(algorithmOf(digest));
  try {
    for await (const chunk of reader.stream()) await hasher.update([Uint8Array.from(chunk as Uint8Array)]);
    return { size: reader.size, digest: await hasher.digest() };
  } catch (error) {
    hasher.drop();
    throw error;
  }
}
