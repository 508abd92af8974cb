import type { HealthCheck } from "@waybill/foundation/http";
import type { PodPart, PodReference, PullStatus, ReportedPull } from "../../contract/index.ts";
import type { TrackedPull } from "../node.ts";

/** One container (or image volume) that waits for an image. */
export interface WaitingContainer {
  readonly namespace: string;
  readonly podName: string;
  readonly podUid: string;
  readonly container: string;
  readonly part: PodPart;
  /** As the pod has it. */
  readonly image: string;
  /** Milliseconds since 1970, by the clock of Kubernetes: since when it is this part's turn on the node. */
  readonly since: number;
  /** False while init containers go first. */
  readonly turn: boolean;
  /** What kubelet says of it: `ErrImagePull`, `ContainerCreating`. */
  readonly reason?: string;
  /** Kubelet's words for a failed try. */
  readonly message?: string;
  /** Kubelet has asked for the image since the last try failed. */
  readonly asked: boolean;
  /** Failed tries that are known of, 0 when there was none. */
  readonly tries: number;
  /** Milliseconds since 1970: the last of them. */
  readonly failedAt?: number;
  /** Milliseconds that kubelet waits after it. */
  readonly backOffMs?: number;
}

/** What waits on a node, and what ceased to wait of late. */
export interface NodeWaits {
  readonly waiting: readonly WaitingContainer[];
  /** Containers that ceased to wait in the last minute: whether they got the image, or the pod went away. */
  readonly settled: readonly { readonly image: string; readonly at: number; readonly how: "has-image" | "gone" }[];
}

/**
 * Which containers of which node wait for which image, and what kubelet said last. Filled by a watch of Kubernetes;
 * absent without it. Knows nothing of pulls.
 */
export interface PodSource {
  /** Called with the names of the nodes on which something changed, soon after. Returns how to leave. */
  subscribe(listener: (nodeNames: ReadonlySet<string>) => void): () => void;
  podsOn(nodeName: string): NodeWaits;
  /** Warns while the watch makes no progress; never fails, since pulls are shown without pods, too. */
  readonly health: HealthCheck;
  close(): Promise<void>;
}

/** What merging a report needs of the pods of its node. */
export interface NodePods {
  /** The better name of a reported pull: with the tag that pods on the node ask for, while the agent knows none. */
  nameOf(reported: ReportedPull, known: string | undefined): string;
  /** The row that waited for this pull, which goes on under its id; undefined when there is none. */
  adopt(reported: ReportedPull): TrackedPull | undefined;
  /** What failed on the node and pods still need, or needed lately, as far as kubelet told of it. */
  failed(): Iterable<PullStatus>;
  /** Those that wait for it. The same array while nothing changes. */
  waitingFor(reported: ReportedPull): readonly PodReference[] | undefined;
}
