import type { LayerPhase, PullPhase } from "../../contract/index.ts";
import type { Source } from "./reference.ts";
import type { WriterWatch } from "./writers.ts";

/** What the agent remembers between two looks. Plain data; nothing in it is changed in place. */
export interface AttributionState {
  /** By `namespace/lease id`. */
  readonly pulls: ReadonlyMap<string, TrackedPull>;
  /** By `namespace/ref`. */
  readonly writers: ReadonlyMap<string, WriterWatch>;
  /** By `namespace/root digest`: tries that came to nothing lately. */
  readonly failures: ReadonlyMap<string, FailedTries>;
  /** Number of looks so far. */
  readonly look: number;
}

export interface FailedTries {
  readonly count: number;
  /** When the last of them ended. */
  readonly at: number;
}

export interface TrackedPull {
  readonly id: string;
  /** Counts how often the pull was taken for dead and moved again. */
  readonly attempt: number;
  /** Earlier tries of the image that came to nothing; this one, too, once it has. */
  readonly failedTries: number;
  readonly namespace: string;
  readonly leaseId: string;
  /** When the client took its lease: the start of the pull, also for an agent that came later. */
  readonly startedAt: number;
  /** Digest that the image record will point to: an index or a manifest. */
  readonly rootDigest: string;
  readonly manifests: readonly string[];
  readonly configs: readonly string[];
  readonly imageRef: string;
  readonly sources: readonly Source[];
  readonly phase: PullPhase;
  readonly layers: readonly TrackedLayer[];
  readonly completedAt?: number;
  readonly error?: string;
  /** False for the left-over of a client that died before the agent came, until it moves. */
  readonly alive: boolean;
  /**
   * False for what is no news: a pull that finds everything on the node, or a left-over. It turns true with the first
   * thing that is fetched or unpacked, and never back.
   */
  readonly shown: boolean;
  /** Refs of downloads that this pull's client writes. */
  readonly ownRefs: readonly string[];
  /** Snapshot that is being unpacked into, if any. */
  readonly unpacking?: { readonly snapshotter: string; readonly key: string; readonly bytes: number };
  /** True once a layer was seen being unpacked. */
  readonly unpackSeen: boolean;
  /** The last time anything about the pull changed. */
  readonly activeAt: number;
  /** What the last look found, in one string: a difference is a sign of life. */
  readonly fingerprint: string;
}

export interface TrackedLayer {
  readonly digest: string;
  readonly mediaType: string;
  readonly size: number;
  readonly sizeKnown: boolean;
  readonly downloadedBytes: number;
  readonly phase: LayerPhase;
  readonly cached: boolean;
  /** Lease of another client that downloads the layer now; containerd fetches it once, so this pull waits. */
  readonly writtenBy?: string;
  readonly startedAt?: number;
  readonly completedAt?: number;
}

export const emptyState: AttributionState = { pulls: new Map(), writers: new Map(), failures: new Map(), look: 0 };

export function isOver(phase: PullPhase): boolean {
  return phase === "done" || phase === "failed" || phase === "cancelled";
}

export function isOnNode(phase: LayerPhase): boolean {
  return phase === "downloaded" || phase === "unpacking" || phase === "done" || phase === "cached";
}
