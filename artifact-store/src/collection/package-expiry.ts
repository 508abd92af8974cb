import type { Transaction } from "@waybill/foundation/database";
import {
  expiredPackages,
  findPackage,
  packageFacts,
  releaseFiles,
  updatePackage,
  type Catalog,
  type PackageRow,
  type StoreTables,
} from "../catalog/index.ts";
import type { StoreEvent } from "../events/index.ts";
import type { CollectionStep } from "./step.ts";

const pageSize = 100;

/** Every open package whose time is over by `until`. */
export async function* packagesDue(catalog: Catalog, until: number): AsyncGenerator<PackageRow> {
  for (let offset = 0; ; offset += pageSize) {
    const page = await expiredPackages(catalog, { until, limit: pageSize, offset });
    yield* page;
    if (page.length < pageSize) return;
  }
}

/**
 * Ends an open package whose time is over: lets go of its files, and tells. Nothing when somebody added to it, sealed it or
 * ended it meanwhile.
 */
export async function expirePackage(
  tx: Transaction<StoreTables>,
  tell: (event: StoreEvent) => void,
  id: string,
  at: number,
): Promise<CollectionStep[]> {
  const row = await findPackage(tx, id);
  if (row === undefined || row.state !== "open" || row.expires_at === null || row.expires_at > at) return [];
  await releaseFiles(tx, id, at);
  await updatePackage(tx, id, { state: "deleted", reason: reasonOf(row) });
  tell({ type: "package.deleted", ...packageFacts(row), reason: reasonOf(row) });
  return [packageStep(row)];
}

export function packageStep(row: PackageRow): CollectionStep {
  const { repository, id } = row;
  return { kind: "expire-package", repository, package: id, sentence: `goes because ${reasonOf(row)}` };
}

function reasonOf(row: PackageRow): string {
  return `nobody sealed it before ${new Date(row.expires_at ?? 0).toISOString()}`;
}
