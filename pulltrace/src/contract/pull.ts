import type { LayerWait, PullCause, TimeLeft } from "./answers.ts";
import type { Failure } from "./failure.ts";
import type { PodReference, PullWait } from "./waiting.ts";

/**
 * What one image pull looks like to a reader: the API, the event stream, the log line and the page share this shape.
 * Names, units and optionality of the first block of each interface are the wire format v1 and never change; what
 * stands after the line "additions" is optional to older readers.
 */

/**
 * Where a pull stands. `waiting`: pods on the node need the image, and nothing has begun (`waitsFor` says why).
 * `cancelled` is a pull that its client gave up; `failed` one that could not go on. A failed pull with a `nextTryAt` or
 * with `waitsFor` is alive: pods still need it.
 */
export type PullPhase = "waiting" | "resolving" | "downloading" | "unpacking" | "done" | "failed" | "cancelled";

/**
 * Where a layer stands. `waiting` has no bytes yet and is not slow: it has no free download slot, or another pull
 * fetches it. `cached` was on the node before the pull began.
 */
export type LayerPhase = "waiting" | "downloading" | "downloaded" | "unpacking" | "done" | "cached" | "failed";

export interface LayerStatus {
  readonly pullId: string;
  readonly digest: string;
  /** Empty until the manifest was read. */
  readonly mediaType: string;
  /** Bytes (compressed, as transferred); 0 while `totalKnown` is false. */
  readonly totalBytes: number;
  /** Bytes. */
  readonly downloadedBytes: number;
  /** Bytes per second over the last few seconds; never negative. */
  readonly bytesPerSec: number;
  /** 0..100; 100 only when the layer is complete. */
  readonly percent: number;
  /** RFC 3339. */
  readonly startedAt: string;
  /** RFC 3339. */
  readonly completedAt?: string;
  readonly totalKnown: boolean;
  // additions
  readonly phase: LayerPhase;
  /** True when the layer was on the node before this pull began. */
  readonly cached: boolean;
  /** RFC 3339: its last byte was there; unpacking lies between this and `completedAt`. */
  readonly downloadedAt?: string;
  /** RFC 3339: its unpacking was first seen; left out when it was too quick to be seen. */
  readonly unpackingAt?: string;
  /** Another pull of the node downloads the layer, and this one waits for it. */
  readonly waitsFor?: LayerWait;
}

export interface PullStatus {
  /** Stable for the life of the pull, also across restarts of agent and server. */
  readonly id: string;
  readonly nodeName: string;
  /** `host[:port]/repository:tag`, or `…@digest` while (or if) no tag is known. */
  readonly imageRef: string;
  /** Sum over all layers, cached ones included, in bytes. */
  readonly totalBytes: number;
  /** Cached layers count as downloaded. */
  readonly downloadedBytes: number;
  readonly bytesPerSec: number;
  /** Seconds until the download ends; -1 when it cannot be said (no speed yet, total unknown, unpacking). */
  readonly etaSeconds: number;
  /** 0..100; never falls during a pull, 100 only in phase `done`. */
  readonly percent: number;
  readonly layerCount: number;
  readonly layersDone: number;
  /** RFC 3339. */
  readonly startedAt: string;
  /** RFC 3339; set in the phases done, failed and cancelled. */
  readonly completedAt?: string;
  /** One sentence that a person can act on; set in the phases failed and cancelled. */
  readonly error?: string;
  /** Those that wait for it, as long as they do; after its end those that waited then. Empty without Kubernetes. */
  readonly pods: readonly PodReference[];
  /** In the order of the manifest: base first. */
  readonly layers: readonly LayerStatus[];
  readonly totalKnown: boolean;
  // additions
  readonly phase: PullPhase;
  /** First path element of the repository, when the server knows a tenant of that name. */
  readonly tenant?: string;
  /** Digest of the platform's image manifest, once known. */
  readonly manifestDigest?: string;
  /** containerd namespace: `k8s.io` under kubelet, `default` for ctr. */
  readonly containerdNamespace?: string;
  /** Bytes of `totalBytes` that were on the node before the pull began. */
  readonly cachedBytes: number;
  /** RFC 3339: when the server last heard of this pull. */
  readonly updatedAt: string;
  /** True when the pull is a replayed recording and does not happen now. */
  readonly recording?: boolean;
  /** Why it is slow, or what took its time. */
  readonly cause?: PullCause;
  /** When it will be over, unpacking included (`etaSeconds` ends with the last byte). */
  readonly timeLeft?: TimeLeft;
  /** Why nothing is being pulled, in the phases `waiting` and `failed`. */
  readonly waitsFor?: PullWait;
  /** Why it failed, or why the last try did. */
  readonly failure?: Failure;
  /** Failed tries, the last one included; where kubelet or the agent told of them. */
  readonly attempts?: number;
  /**
   * RFC 3339: about when kubelet tries again, reckoned from its back-off (10 s, doubled up to 300 s); a second or ten
   * off, since kubelet looks at its pods in rounds. Only in phase `failed`, while pods need the image.
   */
  readonly nextTryAt?: string;
}

export const pullEventTypes = [
  "pull.started",
  "pull.progress",
  "pull.completed",
  "pull.failed",
  "layer.started",
  "layer.progress",
  "layer.completed",
] as const;
export type PullEventType = (typeof pullEventTypes)[number];

/** One message of `GET /api/v1/events` and one structured log line. `docs/schemas/pull-event-v1.json` is its schema. */
export interface PullEvent {
  readonly schemaVersion: "v1";
  /** RFC 3339. */
  readonly timestamp: string;
  readonly type: PullEventType;
  readonly nodeName: string;
  /** On pull.* the whole pull; on layer.* absent. */
  readonly pull?: PullStatus;
  /** On layer.* the layer; on pull.* absent. */
  readonly layer?: LayerStatus;
}

/** A node as `GET /api/v1/nodes` shows it. */
export interface NodeStatus {
  readonly nodeName: string;
  /** RFC 3339. */
  readonly lastReportAt: string;
  /** True while reports arrive (none missing for three report intervals, at least 5 s). */
  readonly reporting: boolean;
  readonly agentVersion?: string;
  readonly activePulls: number;
  readonly bytesPerSec: number;
}

/** Answer of `GET /api/v1/pulls`. */
export interface PullList {
  readonly pulls: readonly PullStatus[];
  /** Number of the newest event already contained: pass it as Last-Event-ID to follow from here without a gap. */
  readonly lastEventId: string;
  readonly nodes: readonly NodeStatus[];
  /** RFC 3339: the server's clock, so that a page can show ages without trusting its own. */
  readonly serverTime: string;
  /** Seconds that finished pulls stay in the list. */
  readonly historySeconds: number;
}
