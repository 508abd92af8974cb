import type { ContentInfo, ImageRecord, Ingest, Lease, LeaseResource } from "../containerd/index.ts";
import type { ImageDocument } from "./documents.ts";

/**
 * Everything that the attribution looks at, at one moment: plain data, so that a moment of a real containerd can be
 * kept as a file and judged again in a test. Times are milliseconds since 1970.
 */
export interface Observation {
  readonly at: number;
  /** When this containerd made its socket; undefined when that cannot be seen. */
  readonly containerdStartedAt?: number;
  /** See FileClock: fraction of a millisecond that times of files have. */
  readonly fileClock?: number;
  readonly namespaces: readonly NamespaceObservation[];
}

/** The downloads of some namespaces at one moment. */
export interface Glance {
  readonly at: number;
  readonly fileClock?: number;
  readonly downloads: readonly { readonly namespace: string; readonly ingests: readonly Ingest[] }[];
}

export interface NamespaceObservation {
  readonly name: string;
  readonly leases: readonly ObservedLease[];
  readonly ingests: readonly Ingest[];
  /** Contents that leases hold or that their manifests name, as far as they are on the node. */
  readonly contents: readonly ContentInfo[];
  /** By digest: index, manifest and configuration of what the leases hold. */
  readonly documents: Readonly<Record<string, ImageDocument>>;
  /** Records of images whose target is among the documents. */
  readonly images: readonly ImageRecord[];
  /** Chain ids of committed snapshots, of those that were asked about. */
  readonly snapshots: readonly string[];
  /** By host name without port: the `host[:port]` forms under which this namespace has images. */
  readonly knownHosts: Readonly<Record<string, readonly string[]>>;
  /** Bytes unpacked so far, by key of the snapshot, of those that were asked about. */
  readonly unpackedBytes: Readonly<Record<string, number>>;
}

export interface ObservedLease extends Lease {
  /** Undefined when it was not asked (a lease whose pull is over). */
  readonly resources?: readonly LeaseResource[];
}

/** What the attribution wants to have looked at besides the leases. */
export interface Questions {
  /** Leases that need no look any more, by `namespace/lease`. */
  readonly settledLeases: ReadonlySet<string>;
  /** By namespace: digests and roots of pulls that run, also when their lease has gone in the meantime. */
  readonly digests: Readonly<Record<string, readonly string[]>>;
  readonly roots: Readonly<Record<string, readonly string[]>>;
  /** By namespace: snapshots being unpacked without any sign of life for a while. */
  readonly unpacks: Readonly<Record<string, readonly { snapshotter: string; key: string }[]>>;
}
