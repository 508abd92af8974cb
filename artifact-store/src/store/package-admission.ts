import { fileInTheWay, type Catalog, type PackageRow } from "../catalog/index.ts";
import { StoreError } from "../errors/index.ts";
import { manifestLimitBytes } from "../manifests/index.ts";
import { foldPath, shownPath } from "../packages/index.ts";
import type { StoreLimits } from "./limits.ts";
import { gone } from "./package-reading.ts";

/** What its description may take of a manifest, beside its files. */
const describedBytes = 128 * 1024;

/** @throws StoreError TOO_LARGE when a package would be larger than one may be */
export function checkLimits(
  limits: StoreLimits,
  after: { readonly size: number; readonly file_count: number; readonly manifest_bytes: number },
): void {
  const { packageFiles, packageBytes } = limits;
  const over =
    after.file_count > packageFiles
      ? `a package has at most ${packageFiles} files`
      : after.size > packageBytes
        ? `a package has at most ${packageBytes} bytes`
        : after.manifest_bytes > manifestLimitBytes - describedBytes
          ? `the paths of a package must fit into a manifest of ${manifestLimitBytes} bytes`
          : undefined;
  if (over !== undefined) throw new StoreError("TOO_LARGE", `${over}: seal it, and open another one`);
}

/** @throws StoreError PACKAGE_CONFLICT */
export async function nothingInTheWay(catalog: Catalog, id: string, path: string): Promise<void> {
  const other = await fileInTheWay(catalog, id, foldPath(path));
  if (other === undefined) return;
  const why =
    other === path
      ? "with other bytes is there already"
      : `would meet ${shownPath(other)} in a file system that tells neither case nor Unicode forms apart, or as file and folder`;
  throw new StoreError("PACKAGE_CONFLICT", `${shownPath(path)} ${why}`);
}

/** @throws StoreError PACKAGE_GONE, PACKAGE_SEALED */
export function mustBeOpen(row: PackageRow, now: number): void {
  if (row.state === "deleted") throw gone(row);
  if (row.state === "sealed") throw new StoreError("PACKAGE_SEALED", "this package is sealed: it takes no more files");
  if (row.expires_at !== null && row.expires_at <= now) {
    throw new StoreError("PACKAGE_GONE", "this package has expired: open another one");
  }
}
