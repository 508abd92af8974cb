import type { Readable } from "node:stream";
import type { BlobReader } from "../blobs/index.ts";
import type { Visible } from "../catalog/index.ts";
import type { Digest } from "../digest/index.ts";
import type { RepositoryName } from "../names/index.ts";
import type { ByteSource } from "../uploads/index.ts";

/**
 * - `open`: files come in; nobody else sees it as a manifest. Ends by `seal`, or by its expiry.
 * - `sealed`: an OCI manifest of its repository; never changes.
 * - `expired`: its time is over, and the next collection takes it: an open one that nobody sealed, or a sealed one whose
 *   retention has ended and that nothing else keeps.
 * - `deleted`: only this record is left, with the reason.
 */
export type PackageState = "open" | "sealed" | "expired" | "deleted";

export const archiveFormats = ["tar", "tar+gzip", "tar+zstd", "zip"] as const;
export type ArchiveFormat = (typeof archiveFormats)[number];

/** Ties a package to something elsewhere: `rel: statehub` to the external record of the state it belongs to. */
export interface PackageLink {
  /** 1 to 64 lower-case letters, digits, and `. _ -` between them. */
  readonly rel: string;
  /** An absolute URI, at most 2000 characters. */
  readonly href: string;
}

/** What somebody says of a package. `outcome` and `subject` are labels that every producer should set. */
export interface PackageDescription {
  /** The program that made it, e.g. `guide-board`. 1 to 128 printable characters. */
  readonly producer: string;
  /** What it is, e.g. `cmis-conformance`. 1 to 128 printable characters. */
  readonly kind: string;
  /** The producer's own name for the run. */
  readonly runId?: string;
  /** At most 64; keys of 1 to 63 letters, digits, and `. _ - /` between them; values of at most 256 printable characters. */
  readonly labels?: Readonly<Record<string, string>>;
  /** At most 32. */
  readonly links?: readonly PackageLink[];
}

export interface NewPackage extends PackageDescription {
  readonly repository: RepositoryName;
  /** Retention class of its manifest; the repository's when absent. */
  readonly class?: string;
  /**
   * Makes a repetition harmless: the same key in the same repository opens one package. Whoever lets several callers in
   * puts the caller into the key.
   */
  readonly key?: string;
}

/** Times are milliseconds since 1970. */
export interface Package {
  /** A UUID, good in this store only; what a package is called everywhere is its digest. */
  readonly id: string;
  readonly repository: RepositoryName;
  readonly producer: string;
  readonly kind: string;
  readonly runId?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly links: readonly PackageLink[];
  readonly state: PackageState;
  /** Retention class of its manifest; of an open one what it was opened with, absent where that is the repository's. */
  readonly class?: string;
  /** Of its manifest, from `sealed` on. */
  readonly digest?: Digest;
  /** Bytes of its files together. */
  readonly size: number;
  readonly fileCount: number;
  readonly createdAt: number;
  readonly sealedAt?: number;
  /** Of an open one: when it ends unless somebody adds to it. Of a sealed one: its manifest's. Absent: without end. */
  readonly expiresAt?: number;
  /** Why it was deleted. */
  readonly reason?: string;
}

export interface PackageFile {
  /** Relative, parted by `/`. */
  readonly path: string;
  readonly mediaType: string;
  /** Bytes. */
  readonly size: number;
  readonly digest: Digest;
}

export interface OpenPackageFile extends PackageFile {
  /** Its owner reads it to the end or closes it. */
  readonly reader: BlobReader;
}

export interface PackageQuery {
  /** Those in repositories that somebody may look into; all when absent. */
  readonly visible?: Visible;
  readonly repository?: RepositoryName;
  readonly producer?: string;
  readonly kind?: string;
  readonly runId?: string;
  /** All of these. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly digest?: Digest;
  /** Any of these; open, sealed and expired ones when absent. */
  readonly states?: readonly PackageState[];
  /** `nextCursor` of the page before, asked with the same query. */
  readonly cursor?: string;
  /** 1 to 1000; 100 when absent. */
  readonly limit?: number;
}

export interface PackagePage {
  /** Newest first; packages that come or go while somebody reads on are neither told twice nor hide others. */
  readonly items: readonly Package[];
  readonly nextCursor?: string;
}

export interface PackageFilePage {
  /** In byte order of their paths. */
  readonly items: readonly PackageFile[];
  readonly nextCursor?: string;
}

/** Of an archive that comes in. */
export interface ArchiveOptions {
  /** Put before every path, e.g. `evidence`. */
  readonly under?: string;
  /** Told after every entry. */
  readonly onProgress?: (progress: { readonly files: number; readonly bytes: number }) => void;
}

/**
 * Packages of files. A sealed one is an OCI image manifest (`artifactType` application/vnd.waybill.package.v1+json, the
 * empty descriptor as config, one layer per file with its path as `org.opencontainers.image.title`), and every image
 * manifest that came in by another way, by `oras push` say, is a package, too.
 *
 * All methods that take an id throw StoreError PACKAGE_UNKNOWN when there is no such package; those that read files of one
 * that is deleted throw PACKAGE_GONE; those that add to one that is not open throw PACKAGE_SEALED.
 */
export interface Packages {
  /** Durable when it resolves; survives restarts. @throws StoreError PACKAGE_INVALID, RETENTION_INVALID, KEY_REUSED */
  open(asked: NewPackage): Promise<Package>;
  /**
   * Adds a file; its bytes are durable and safe from collection when it resolves, until the package is sealed, expires or
   * is deleted. The same path with the same bytes again changes nothing.
   * @param source its bytes, or the digest of a blob that its repository shows, e.g. at the end of a resumable upload
   * @throws StoreError PATH_INVALID, PACKAGE_CONFLICT (other bytes, or a path that a file system could take for another),
   * BLOB_UNKNOWN, DIGEST_INVALID, TOO_LARGE, UPLOAD_TRUNCATED, STORAGE_FULL
   */
  addFile(
    id: string,
    path: string,
    source: ByteSource | Digest,
    as?: { readonly mediaType?: string; readonly digest?: Digest },
  ): Promise<PackageFile>;
  /**
   * Adds all files of an archive, or none. Directories are passed over; anything but plain files is refused, as is every
   * entry that could do harm where it is unpacked.
   * @throws StoreError ARCHIVE_INVALID, and those of `addFile`; the message names the entry and the limit
   */
  addArchive(
    id: string,
    source: Readable,
    format: ArchiveFormat,
    options?: ArchiveOptions,
  ): Promise<readonly PackageFile[]>;
  /** Makes the manifest. Sealing a sealed one again answers it. @throws StoreError PACKAGE_INVALID when it has no file */
  seal(id: string): Promise<Package>;
  get(id: string): Promise<Package>;
  find(query?: PackageQuery): Promise<PackagePage>;
  files(id: string, page?: { readonly cursor?: string; readonly limit?: number }): Promise<PackageFilePage>;
  /** @throws StoreError FILE_UNKNOWN, BLOB_DAMAGED */
  openFile(id: string, path: string): Promise<OpenPackageFile>;
  /**
   * Replaces labels, links or both; also of a sealed one, whose manifest keeps those that it was sealed with.
   * @param check is shown the package as it is, in the transaction that changes it; when it throws, nothing changes
   */
  describe(
    id: string,
    change: { readonly labels?: Readonly<Record<string, string>>; readonly links?: readonly PackageLink[] },
    check?: (present: Package) => void,
  ): Promise<Package>;
  /** Leaves the record with the reason. @throws StoreError HELD */
  delete(id: string, reason: string): Promise<Package>;
  /** All files in order, the same bytes each time. Reads as fast as it is read; an error destroys the stream. */
  writeArchive(id: string, format: ArchiveFormat): Promise<Readable>;
}
