import type { Transaction } from "@waybill/foundation/database";
import { deleteManifest, endPackages, recordTombstone, releaseReferences, type StoreTables } from "../catalog/index.ts";
import type { Digest } from "../digest/index.ts";
import type { StoreEvent } from "../events/index.ts";
import type { RepositoryName } from "../names/index.ts";

/**
 * Takes a manifest with its tags: looks again at what it kept, leaves a tombstone, and tells. Who calls has locked it and
 * made sure that nothing forbids it. Says whether it was there.
 */
export async function removeManifest(
  tx: Transaction<StoreTables>,
  tell: (event: StoreEvent) => void,
  manifest: { readonly repositoryId: number; readonly repository: RepositoryName; readonly digest: Digest },
  reason: string | undefined,
  now: number,
): Promise<boolean> {
  const { repositoryId, repository, digest } = manifest;
  await releaseReferences(tx, repositoryId, digest, now);
  if (!(await deleteManifest(tx, repositoryId, digest))) return false;
  await recordTombstone(tx, repositoryId, digest, { reason: reason ?? "somebody deleted it", deletedAt: now });
  for (const ended of await endPackages(tx, repositoryId, digest, reason ?? "somebody deleted its manifest"))
    tell(ended);
  tell({ type: "manifest.removed", repository, digest, ...(reason === undefined ? {} : { reason }) });
  return true;
}
