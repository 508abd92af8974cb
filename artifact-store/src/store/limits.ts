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
}

export const defaultStoreLimits: StoreLimits = {
  largestBlobBytes: 1024 ** 4,
  uploadLifetimeMs: 24 * 60 * 60 * 1000,
  orphanGraceMs: 10 * 60 * 1000,
  sweepEveryMs: 60 * 1000,
  leaseMs: 60 * 60 * 1000,
};
