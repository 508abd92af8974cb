import type { Readable } from "node:stream";
import {
  findPackageFile,
  insertPackageFiles,
  leaseBlob,
  linkBlob,
  updatePackage,
  type Catalog,
  type Commits,
  type PackageRow,
} from "../catalog/index.ts";
import type { Digest } from "../digest/index.ts";
import { StoreError } from "../errors/index.ts";
import { parseMediaType } from "../manifests/index.ts";
import {
  checkPath,
  foldPath,
  manifestBytesOf,
  mediaTypeOfPath,
  type ArchiveFormat,
  type ArchiveOptions,
  type PackageFile,
} from "../packages/index.ts";
import type { ByteSource } from "../uploads/index.ts";
import type { Blobs } from "./blobs.ts";
import type { StoreLimits } from "./limits.ts";
import { checkLimits, mustBeOpen, nothingInTheWay } from "./package-admission.ts";
import { foundPackage } from "./package-reading.ts";

/** What packages are made with. */
export interface PackageParts {
  readonly catalog: Catalog;
  readonly commits: Commits;
  readonly blobs: Blobs;
  readonly limits: StoreLimits;
  readonly now: () => number;
  /** A folder on a disk for archives that have to be seen whole before their first entry. */
  readonly spool: string;
}

/** How files come into an open package: their bytes first, then, all in one commit, their names. */
export class PackageIntake {
  readonly #catalog: Catalog;
  readonly #commits: Commits;
  readonly #blobs: Blobs;
  readonly #limits: StoreLimits;
  readonly #now: () => number;
  readonly #spool: string;

  constructor(parts: PackageParts) {
    this.#catalog = parts.catalog;
    this.#commits = parts.commits;
    this.#blobs = parts.blobs;
    this.#limits = parts.limits;
    this.#now = parts.now;
    this.#spool = parts.spool;
  }

  async addFile(
    id: string,
    path: string,
    source: ByteSource | Digest,
    as: { readonly mediaType?: string; readonly digest?: Digest } = {},
  ): Promise<PackageFile> {
    checkPath(path);
    const mediaType = as.mediaType === undefined ? mediaTypeOfPath(path) : parseMediaType(as.mediaType);
    if (mediaType === undefined) throw new StoreError("PACKAGE_INVALID", "this is no media type");
    const { repository } = await this.#open(id);
    const known = await findPackageFile(this.#catalog, id, path);
    // Before the bytes come: they may be many.
    if (known === undefined) await nothingInTheWay(this.#catalog, id, path);
    const blob =
      typeof source === "string"
        ? await this.#blobs.stat(repository, source)
        : await this.#blobs.put(repository, source, as.digest);
    const file = { path, mediaType, size: blob.size, digest: blob.digest };
    await this.#record(id, [file]);
    return known?.digest === file.digest ? { ...file, mediaType: known.mediaType } : file;
  }

  async addArchive(
    id: string,
    source: Readable,
    format: ArchiveFormat,
    options: ArchiveOptions = {},
  ): Promise<readonly PackageFile[]> {
    const { takeArchive } = await import("./package-archives.ts");
    try {
      const { repository } = await this.#open(id);
      const files = await takeArchive({
        source,
        format,
        options,
        spool: this.#spool,
        limits: this.#limits,
        put: (bytes) => this.#blobs.put(repository, bytes),
      });
      await this.#record(id, files);
      return files;
    } catch (error) {
      source.destroy();
      throw error;
    }
  }

  /** Adds files in one commit: all of them, or none. */
  async #record(id: string, files: readonly PackageFile[]): Promise<void> {
    await this.#commits.commit(async (tx) => {
      const now = this.#now();
      const row = await foundPackage(tx, id);
      mustBeOpen(row, now);
      const fresh: PackageFile[] = [];
      for (const file of files) {
        const known = await findPackageFile(tx, id, file.path);
        if (known?.digest === file.digest) continue;
        await nothingInTheWay(tx, id, file.path);
        fresh.push(file);
      }
      // Rows in the order in which everybody takes them.
      for (const digest of [...new Set(files.map((file) => file.digest))].toSorted()) {
        if (!(await leaseBlob(tx, digest, now + this.#limits.leaseMs))) {
          throw new StoreError(
            "BLOB_UNKNOWN",
            `${digest} was collected, or found damaged, before it was added: send it again`,
          );
        }
        await linkBlob(tx, row.repository_id, digest, now);
      }
      const added = (sizeOf: (file: PackageFile) => number): number =>
        fresh.reduce((sum, file) => sum + sizeOf(file), 0);
      const after = {
        size: row.size + added((file) => file.size),
        file_count: row.file_count + fresh.length,
        manifest_bytes: row.manifest_bytes + added(manifestBytesOf),
      };
      checkLimits(this.#limits, after);
      await insertPackageFiles(
        tx,
        { id, repositoryId: row.repository_id },
        fresh.map((file) => ({ ...file, folded: foldPath(file.path) })),
      );
      await updatePackage(tx, id, { ...after, expires_at: now + this.#limits.packageLifetimeMs });
    });
  }

  async #open(id: string): Promise<PackageRow> {
    const row = await foundPackage(this.#catalog, id);
    mustBeOpen(row, this.#now());
    return row;
  }
}
