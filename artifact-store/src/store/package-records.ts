import {
  findPackage,
  insertPackage,
  packageFacts,
  updatePackage,
  type Catalog,
  type PackageRow,
} from "../catalog/index.ts";
import type { Digest } from "../digest/index.ts";
import type { StoreEvent } from "../events/index.ts";
import { stableId, tenantOfRepository, type RepositoryName } from "../names/index.ts";
import { isPackage, packageContent, type Package, type PackageState } from "../packages/index.ts";

/** A manifest that came in by another way than `packages.open` is a package, too: writes it down as one. */
export async function recordImported(
  tx: Catalog,
  tell: (event: StoreEvent) => void,
  manifest: {
    readonly repository: RepositoryName;
    readonly home: number;
    readonly digest: Digest;
    readonly mediaType: string;
    readonly content: Uint8Array;
  },
  now: number,
): Promise<void> {
  const { repository, home, digest, mediaType, content } = manifest;
  if (!isPackage(mediaType)) return;
  const { producer, kind, runId, labels, links, files } = packageContent(content, mediaType);
  const id = stableId("imported", repository, digest);
  const fresh = {
    id,
    repository_id: home,
    tenant: tenantOfRepository(repository),
    digest,
    producer,
    kind,
    run_id: runId ?? null,
    labels: JSON.stringify(labels),
    links: JSON.stringify(links),
    class: null,
    state: "sealed",
    size: files.reduce((sum, file) => sum + file.size, 0),
    file_count: files.length,
    manifest_bytes: content.byteLength,
    created_at: now,
    sealed_at: now,
    expires_at: null,
    reason: null,
    fingerprint: null,
  } as const;
  if (await insertPackage(tx, fresh)) {
    tell({ type: "package.sealed", ...packageFacts({ ...fresh, repository }) });
    return;
  }
  // Deleted once, and pushed again.
  await updatePackage(tx, id, { state: "sealed", sealed_at: now, reason: null });
  const row = await findPackage(tx, id);
  if (row !== undefined) tell({ type: "package.sealed", ...packageFacts(row) });
}

function stateOf(row: PackageRow, now: number): PackageState {
  if (row.state === "deleted") return "deleted";
  const ends = row.state === "open" ? row.expires_at : row.manifest_expires_at;
  if (ends !== null && ends <= now) return "expired";
  return row.state === "open" ? "open" : "sealed";
}

/** A row as the library tells it. */
export function packageOf(row: PackageRow, now: number): Package {
  const state = stateOf(row, now);
  const expiresAt = row.state === "open" ? row.expires_at : row.manifest_expires_at;
  const retentionClass = row.manifest_class ?? row.class;
  return {
    id: row.id,
    repository: row.repository,
    producer: row.producer,
    kind: row.kind,
    ...(row.run_id === null ? {} : { runId: row.run_id }),
    labels: JSON.parse(row.labels) as Package["labels"],
    links: JSON.parse(row.links) as Package["links"],
    state,
    ...(retentionClass === null ? {} : { class: retentionClass }),
    ...(row.digest === null ? {} : { digest: row.digest as Digest }),
    size: row.size,
    fileCount: row.file_count,
    createdAt: row.created_at,
    ...(row.sealed_at === null ? {} : { sealedAt: row.sealed_at }),
    ...(expiresAt === null || state === "deleted" ? {} : { expiresAt }),
    ...(row.reason === null ? {} : { reason: row.reason }),
  };
}
