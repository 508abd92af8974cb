import type { Failure } from "./failure.ts";

/** What Kubernetes adds: why nothing is being pulled yet, and which pods wait. */

/**
 * Why a node that needs an image pulls nothing.
 * - `queue`: kubelet has begun it, and others of the node go first (kubelet pulls serially, or its places are taken)
 * - `not-begun`: the pod is on the node, and kubelet has not come to this image
 * - `back-off`: the last try failed, and kubelet waits before the next one; only in phase `failed`
 * - `never`: kubelet may not pull it (`imagePullPolicy: Never`), or cannot read its name; only in phase `failed`
 */
export type PullWaitKind = "queue" | "not-begun" | "back-off" | "never";

export interface PullWait {
  readonly kind: PullWaitKind;
  /** One sentence, to be shown as it is. */
  readonly sentence: string;
  /** `queue`: how many pulls of the node are running now. */
  readonly pullsAhead?: number;
}

/** Which part of a pod needs the image. `sidecar`: an init container that is restarted always; `volume`: an image volume. */
export type PodPart = "container" | "init" | "sidecar" | "ephemeral" | "volume";

/** A pod that waits for a pull. */
export interface PodReference {
  readonly namespace: string;
  readonly podName: string;
  /** Name of the container; of the volume when `part` is `volume`. */
  readonly container: string;
  /** As the pod has it. */
  readonly image: string;
  // additions
  readonly part?: PodPart;
  /** What kubelet says of the container now: `ErrImagePull`, `ImagePullBackOff`, `ContainerCreating`, … */
  readonly reason?: string;
  /** RFC 3339: since when the part waits for the image, by the clock of Kubernetes. */
  readonly since?: string;
}

/** A row of `GET /api/v1/pods/waiting`: the pod, and what of its pull a page needs beside it. */
export interface WaitingPod extends PodReference {
  readonly nodeName: string;
  /** The pull that it waits for, in `GET /api/v1/pulls`. */
  readonly pullId: string;
  readonly imageRef: string;
  readonly phase: "waiting" | "resolving" | "downloading" | "unpacking" | "failed";
  readonly tenant?: string;
  readonly failure?: Failure;
  /** RFC 3339; see `PullStatus.nextTryAt`. */
  readonly nextTryAt?: string;
}

/** Answer of `GET /api/v1/pods/waiting`: those that wait longest first. */
export interface WaitingPodList {
  readonly pods: readonly WaitingPod[];
  /** False without Kubernetes: then nobody knows which pods wait. */
  readonly kubernetes: boolean;
  /** RFC 3339. */
  readonly serverTime: string;
}
