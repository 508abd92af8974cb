/** Answers: what the server concludes from the reports. Each is left out when the data does not support it. */

/**
 * Why a pull is slow, or for a finished one what took its time.
 * - `other-pull`: layers that it needs are being downloaded by another pull of the node
 * - `queue`: it or its layers wait for their turn: for a free download slot, or for kubelet's pulls before it
 * - `stalled`: nothing has arrived for some seconds
 * - `one-layer`: one large layer holds most of what is missing, and one layer is one stream
 * - `shared-link`: other pulls of the node take their part of its link
 * - `registry`: the source is slow: the node, or other nodes, show that it is not the node's link
 * - `link`: slower than this node was lately; whether registry or network cannot be told
 * - `unpack`: unpacking on the node
 * - `slow-disk`: the same on a node that unpacks much more slowly than others, or than it did itself
 * - `rate-limit`: the registry refuses requests for now (429), or did before this try; also of failed pulls
 */
export type CauseKind =
  | "other-pull"
  | "queue"
  | "stalled"
  | "one-layer"
  | "shared-link"
  | "registry"
  | "link"
  | "unpack"
  | "slow-disk"
  | "rate-limit";

export interface PullCause {
  readonly kind: CauseKind;
  /** One sentence with its numbers, to be shown as it is. */
  readonly sentence: string;
  /** 0..1: how much of the missing bytes, of the speed or of the time the cause stands for, as the sentence says. */
  readonly share?: number;
}

/**
 * What an estimate rests on, the weakest of its parts: the speed of this pull now, what this node did lately, what
 * other nodes did lately, or a typical speed because nothing was seen yet.
 */
export type EstimateBasis = "measured" | "node" | "fleet" | "typical";

/** When a pull will be over, unpacking included. A time and not a duration, so that it holds while nothing changes. */
export interface TimeLeft {
  /** RFC 3339, by the server's clock. */
  readonly endsAt: string;
  readonly basis: EstimateBasis;
}

/** The pull that downloads a layer which this one waits for. */
export interface LayerWait {
  readonly pullId: string;
  /** Left out when that pull belongs to another tenant; who may see it finds it by `pullId`. */
  readonly imageRef?: string;
}

/** One node of a rollout. */
export interface ImageNode {
  readonly nodeName: string;
  readonly state: "has" | "pulling" | "failed";
  /** 0..100. */
  readonly percent: number;
  /** The newest pull of the image on this node. */
  readonly pullId: string;
  /** RFC 3339; while pulling, when it can be said. */
  readonly endsAt?: string;
}

/** One image on its way to nodes. Nodes that had it before the history began are not known. */
export interface ImageRollout {
  readonly imageRef: string;
  readonly tenant?: string;
  /** Bytes (compressed), 0 while unknown. */
  readonly totalBytes: number;
  readonly nodesWithImage: number;
  readonly nodesPulling: number;
  readonly nodesFailed: number;
  /** Of all its running pulls together. */
  readonly bytesPerSec: number;
  /** The running pull that will be over last; without times left, the one that is least far. */
  readonly slowest?: ImageNode;
  /** RFC 3339: when the last node will have it; only when each running pull has a time left. */
  readonly endsAt?: string;
  /** Running ones first, slowest first, then failed ones, then those that have it; at most 500. */
  readonly nodes: readonly ImageNode[];
}

/** Answer of `GET /api/v1/images`: images with running pulls first, newest start first. */
export interface ImageList {
  readonly images: readonly ImageRollout[];
  /** RFC 3339. */
  readonly serverTime: string;
}

/** A layer's part in a cold start. */
export interface ColdLayer {
  readonly digest: string;
  readonly mediaType: string;
  /** Bytes (compressed). */
  readonly totalBytes: number;
  /** Seconds of download and unpacking, alone. */
  readonly seconds: number;
  /** 0..1 of the sum over all layers. */
  readonly share: number;
}

/** Answer of `GET /api/v1/images/{ref}/cold-start`: what the image takes on a node that has none of its layers. */
export interface ColdStart {
  readonly imageRef: string;
  readonly totalBytes: number;
  /** Whole seconds from the first to the last byte unpacked. */
  readonly seconds: number;
  readonly downloadSeconds: number;
  /** Seconds of unpacking that come after the last byte. */
  readonly unpackSeconds: number;
  /** Bytes per second that the estimate reckons with. */
  readonly bytesPerSec: number;
  readonly basis: EstimateBasis;
  /** In one sentence. */
  readonly sentence: string;
  /** How many of `layers`, from the first on, make 80 % of the time. */
  readonly heaviest: number;
  /** Heaviest first. */
  readonly layers: readonly ColdLayer[];
}
