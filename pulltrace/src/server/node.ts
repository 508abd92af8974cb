import type { Speeds } from "../answers/index.ts";
import type { LayerStatus, PullStatus, ReportedPull } from "../contract/index.ts";
import type { SpeedWindow } from "./speed.ts";

/** What is remembered of a layer beside what readers see. Plain data, never changed in place. */
export interface TrackedLayer {
  readonly status: LayerStatus;
  readonly speed: SpeedWindow;
  /** Bytes seen arriving; grows also when a download begins again. */
  readonly transferredBytes: number;
  /** Reports in a row that left the layer out. */
  readonly missedReports: number;
  /** Whether `layer.started`, `layer.completed` were told. */
  readonly started: boolean;
  readonly completed: boolean;
}

/** A running pull. */
export interface TrackedPull {
  readonly key: string;
  readonly status: PullStatus;
  /** By digest: the reported layers and those that were reported before. */
  readonly layers: ReadonlyMap<string, TrackedLayer>;
  readonly speed: SpeedWindow;
  /** The agent tells no phases, so the server derives them. */
  readonly older: boolean;
  readonly missedReports: number;
  /** Milliseconds: the first report that left it out, since it was last reported. */
  readonly missingSince?: number;
  /** Milliseconds: when a report last had it. */
  readonly reportedAt: number;
  /** Milliseconds: when a byte arrived last; before the first, when the pull was first seen. */
  readonly movedAt: number;
  /** False for what does not happen now (recordings): metrics leave it out. */
  readonly counted: boolean;
}

/** A pull whose end was told. It is kept for readers, and so that its end is not told again. */
export interface FinishedPull {
  readonly key: string;
  readonly status: PullStatus;
  /** Milliseconds: when the end was told. */
  readonly endedAt: number;
  /** Who said that it ended. What the server only concluded may turn out wrong: the pull can come back. */
  readonly endedBy: "agent" | "server";
}

export interface NodeState {
  readonly nodeName: string;
  /**
   * From the id that a reported pull has by itself to the one that readers know it by, when its pods were seen to wait
   * before it began.
   */
  readonly adopted: ReadonlyMap<string, string>;
  /** By key. */
  readonly running: ReadonlyMap<string, TrackedPull>;
  /** By public id, oldest end first. */
  readonly finished: ReadonlyMap<string, FinishedPull>;
  /** The pulls of the last report as they were told. */
  readonly reported: readonly ReportedPull[];
  /** Their keys. */
  readonly reportedKeys: ReadonlySet<string>;
  /** Layers of the finished pulls. */
  readonly finishedLayers: number;
  /** Milliseconds. */
  readonly lastReportAt: number;
  /** Milliseconds without a report, counted in ticks of the server, so that a stopped or jumping clock adds nothing. */
  readonly silentMs: number;
  readonly reporting: boolean;
  /** Known from an earlier run of the server alone: readers see its history, and not the node. */
  readonly restored?: true;
  readonly reportIntervalMs: number;
  readonly agentVersion?: string;
  /** Bytes that arrived since the server knows the node, and how fast they come while something downloads. */
  readonly arrivedBytes: number;
  readonly arrival: SpeedWindow;
  /** What was learned of its link and its unpacking. */
  readonly speeds: Speeds;
}

/** Layers kept for the node. */
export function layerCountOf(node: NodeState): number {
  let count = node.finishedLayers;
  for (const pull of node.running.values()) count += pull.layers.size;
  return count;
}
