import type { LayerPhase, PullPhase } from "./pull.ts";

/** Body of `POST /api/v1/report`: everything the agent sees now, a full snapshot and not a delta. */
export interface AgentReport {
  /** 1..253 characters. */
  readonly nodeName: string;
  /** RFC 3339. */
  readonly timestamp: string;
  readonly pulls: readonly ReportedPull[];
  // additions: an older agent leaves them out
  readonly agentVersion?: string;
  /** Milliseconds between two reports. */
  readonly reportIntervalMs?: number;
  /** True when a recording is replayed. */
  readonly recording?: boolean;
}

export interface ReportedPull {
  readonly imageRef: string;
  readonly layers: readonly ReportedLayer[];
  /** RFC 3339. */
  readonly startedAt: string;
  readonly totalKnown: boolean;
  // additions
  /** Stable for the life of the pull; without it the server makes one of node, imageRef and startedAt. */
  readonly id?: string;
  readonly phase?: PullPhase;
  /** RFC 3339; with the phases done, failed, cancelled. */
  readonly completedAt?: string;
  readonly error?: string;
  readonly manifestDigest?: string;
  /** Tries of this image on the node that failed or were given up lately, this one included when it did. */
  readonly attempts?: number;
  readonly containerdNamespace?: string;
}

export interface ReportedLayer {
  readonly digest: string;
  readonly mediaType: string;
  /** Bytes. */
  readonly totalBytes: number;
  /** Bytes. */
  readonly downloadedBytes: number;
  readonly totalKnown: boolean;
  // additions
  readonly phase?: LayerPhase;
  readonly cached?: boolean;
  /** RFC 3339: first byte seen. */
  readonly startedAt?: string;
  /** RFC 3339: the layer is on the node (its last byte; it may still be unpacked). */
  readonly completedAt?: string;
  /** `id` of the pull in this report that downloads the layer, when that is another one. */
  readonly waitsFor?: string;
}
