/** What a store allows, and how long it waits. */
export interface StoreLimits {
  /** Bytes of one blob. */
  readonly largestBlobBytes: number;
  /** How long an upload that nobody continues is kept. Milliseconds. */
  readonly uploadLifetimeMs: number;
  /** How long bytes of a write that no session owns are kept after the last one came. Milliseconds. */
  readonly orphanGraceMs: number;
  /** Between two looks for what nobody will finish. Milliseconds. */
  readonly sweepEveryMs: number;
  /** How long a blob is safe from collection after somebody was told that it is there. Milliseconds. */
  readonly leaseMs: number;
  /** How long a condemned blob waits for somebody who wants it before it is deleted. Milliseconds. */
  readonly graceMs: number;
  /** How long a repository shows a blob that none of its manifests names. Milliseconds since upload or mount. */
  readonly looseBlobMs: number;
  /** How long an open package that nobody adds to is kept. Milliseconds. */
  readonly packageLifetimeMs: number;
  /** Files of one package. */
  readonly packageFiles: number;
  /** Bytes of all files of one package together, also of what one archive unpacks to. */
  readonly packageBytes: number;
  /** How many times larger than its packed bytes an archive may unpack to, beyond its first 16 MiB. */
  readonly archiveRatio: number;
  /** Between two collections in the background; 0: only when asked for. Milliseconds. */
  readonly collectEveryMs: number;
}

export const defaultStoreLimits: StoreLimits = {
  largestBlobBytes: 1024 ** 4,
  uploadLifetimeMs: 24 * 60 * 60 * 1000,
  orphanGraceMs: 10 * 60 * 1000,
  sweepEveryMs: 60 * 1000,
  leaseMs: 60 * 60 * 1000,
  graceMs: 10 * 60 * 1000,
  looseBlobMs: 24 * 60 * 60 * 1000,
  packageLifetimeMs: 24 * 60 * 60 * 1000,
  packageFiles: 10_000,
  packageBytes: 1024 ** 4,
  archiveRatio: 200,
  collectEveryMs: 60 * 1000,
};
