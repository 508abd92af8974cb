import type { Readable } from "node:stream";
import {
  findManifest,
  findPackage,
  findPackageFile,
  packageBacklog,
  pagePackageFiles,
  searchPackages,
  settleBacklog,
  type Catalog,
  type Commits,
  type PackageRow,
} from "../catalog/index.ts";
import { parseDigest } from "../digest/index.ts";
import { StoreError } from "../errors/index.ts";
import { isUuid, parseRepositoryName } from "../names/index.ts";
import {
  checkTexts,
  isPath,
  packageContent,
  shownPath,
  type ArchiveFormat,
  type OpenPackageFile,
  type Package,
  type PackageFile,
  type PackageFilePage,
  type PackagePage,
  type PackageQuery,
} from "../packages/index.ts";
import type { Blobs } from "./blobs.ts";
import { cursorOf, placeOf } from "./package-cursor.ts";
import { packageOf, recordImported } from "./package-records.ts";

const usualPage = 100;
const largestPage = 1000;

/** What is read of packages. */
export class PackageReading {
  readonly #catalog: Catalog;
  readonly #commits: Commits;
  readonly #blobs: Blobs;
  readonly #now: () => number;
  #indexed: Promise<void> | undefined;

  constructor(parts: {
    readonly catalog: Catalog;
    readonly commits: Commits;
    readonly blobs: Blobs;
    readonly now: () => number;
  }) {
    this.#catalog = parts.catalog;
    this.#commits = parts.commits;
    this.#blobs = parts.blobs;
    this.#now = parts.now;
  }

  async get(id: string): Promise<Package> {
    return packageOf(await foundPackage(this.#catalog, id), this.#now());
  }

  async find(query: PackageQuery = {}): Promise<PackagePage> {
    // Asked for first by somebody: a start costs the same with any number of manifests.
    await (this.#indexed ??= this.#indexBacklog().catch((error: unknown) => {
      this.#indexed = undefined;
      throw error;
    }));
    const limit = pageLimit(query.limit);
    const { producer, kind, runId } = query;
    checkTexts({ producer, kind, runId });
    for (const [key, value] of Object.entries(query.labels ?? {})) checkTexts({ label: key, [key]: value });
    const { cursor, limit: _, ...list } = query;
    const before = placeOf(cursor, list);
    const now = this.#now();
    const rows = await searchPackages(this.#catalog, {
      visible: query.visible ?? {},
      repository: query.repository,
      producer: query.producer,
      kind: query.kind,
      runId: query.runId,
      digest: query.digest,
      labels: query.labels ?? {},
      states: query.states ?? ["open", "sealed", "expired"],
      now,
      before,
      limit: limit + 1,
    });
    const items = rows.slice(0, limit).map((row) => packageOf(row, now));
    const last = rows.length > limit ? items.at(-1) : undefined;
    return { items, ...(last === undefined ? {} : { nextCursor: cursorOf(last, list) }) };
  }

  async files(id: string, page: { readonly cursor?: string; readonly limit?: number } = {}): Promise<PackageFilePage> {
    const row = await foundPackage(this.#catalog, id);
    const limit = pageLimit(page.limit);
    const after = page.cursor === undefined ? "" : Buffer.from(page.cursor, "base64url").toString();
    if (after !== "" && !isPath(after)) throw new StoreError("PACKAGE_INVALID", "cursor: not one of this store");
    const some =
      row.state === "open"
        ? (await pagePackageFiles(this.#catalog, id, { after, limit: limit + 1 })).map(fileOf)
        : (await this.#sealedFiles(row))
            .filter((file) => Buffer.compare(Buffer.from(file.path), Buffer.from(after)) > 0)
            .slice(0, limit + 1);
    const items = some.slice(0, limit);
    const last = some.length > limit ? items.at(-1) : undefined;
    return { items, ...(last === undefined ? {} : { nextCursor: Buffer.from(last.path).toString("base64url") }) };
  }

  async openFile(id: string, path: string): Promise<OpenPackageFile> {
    const row = await foundPackage(this.#catalog, id);
    // What can be no file's path is none, and nothing to ask a database.
    const file = !isPath(path)
      ? undefined
      : row.state === "open"
        ? await findPackageFile(this.#catalog, id, path)
        : (await this.#sealedFiles(row)).find((one) => one.path === path);
    if (file === undefined) throw new StoreError("FILE_UNKNOWN", `this package has no file ${shownPath(path)}`);
    const { reader } = await this.#blobs.open(row.repository, file.digest);
    return { ...fileOf(file), reader };
  }

  async writeArchive(id: string, format: ArchiveFormat): Promise<Readable> {
    const { giveArchive } = await import("./package-archives.ts");
    const row = await foundPackage(this.#catalog, id);
    const files = row.state === "open" ? await openFilesOf(this.#catalog, id) : await this.#sealedFiles(row);
    return giveArchive(files, format, (file) => this.#blobs.open(row.repository, file.digest));
  }

  /** Manifests from before packages were. */
  async #indexBacklog(): Promise<void> {
    for (;;) {
      const page = await packageBacklog(this.#catalog, 100);
      if (page.length === 0) return;
      await this.#commits.commit(async (tx, tell) => {
        for (const { repository: home, name, digest } of page) {
          const repository = parseRepositoryName(name);
          const manifest = await findManifest(tx, repository, { digest });
          if (manifest !== undefined) await recordImported(tx, tell, { ...manifest, repository, home }, this.#now());
          await settleBacklog(tx, home, digest);
        }
      });
    }
  }

  async #sealedFiles(row: PackageRow): Promise<readonly PackageFile[]> {
    const digest = parseDigest(row.digest ?? "");
    if (row.state === "deleted" || digest === undefined) throw gone(row);
    const manifest = await findManifest(this.#catalog, row.repository, { digest });
    if (manifest === undefined) throw gone(row);
    return packageContent(manifest.content, manifest.mediaType).files;
  }
}

/** All files of an open package, in byte order of their paths. */
export async function openFilesOf(catalog: Catalog, id: string): Promise<PackageFile[]> {
  const files: PackageFile[] = [];
  for (;;) {
    const page = await pagePackageFiles(catalog, id, { after: files.at(-1)?.path ?? "", limit: largestPage });
    files.push(...page.map(fileOf));
    if (page.length < largestPage) return files;
  }
}

/** @throws StoreError PACKAGE_UNKNOWN */
export async function foundPackage(catalog: Catalog, id: string): Promise<PackageRow> {
  return known(isUuid(id) ? await findPackage(catalog, id) : undefined);
}

/** @throws StoreError PACKAGE_UNKNOWN */
function known(row: PackageRow | undefined): PackageRow {
  if (row === undefined) throw new StoreError("PACKAGE_UNKNOWN", "there is no such package");
  return row;
}

export function gone(row: PackageRow): StoreError {
  return new StoreError("PACKAGE_GONE", `this package was deleted: ${row.reason ?? "its manifest is gone"}`);
}

function fileOf({ path, mediaType, size, digest }: PackageFile): PackageFile {
  return { path, mediaType, size, digest };
}

function pageLimit(limit: number = usualPage): number {
  if (Number.isSafeInteger(limit) && limit >= 1 && limit <= largestPage) return limit;
  throw new StoreError("PACKAGE_INVALID", `a page has 1 to ${largestPage} entries`);
}
