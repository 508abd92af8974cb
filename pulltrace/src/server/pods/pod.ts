import type { KubernetesObject } from "@waybill/foundation/kubernetes";
import type { PodPart } from "../../contract/index.ts";

/** The fields of a pod that are read; anything may be missing, and none is trusted to be of its type. */
export interface Pod extends KubernetesObject {
  readonly spec?: {
    readonly nodeName?: string;
    readonly containers?: readonly PodContainer[];
    readonly initContainers?: readonly PodContainer[];
    readonly ephemeralContainers?: readonly PodContainer[];
    readonly volumes?: readonly {
      readonly name?: string;
      readonly image?: { readonly reference?: string };
    }[];
  };
  readonly status?: {
    readonly phase?: string;
    readonly conditions?: readonly {
      readonly type?: string;
      readonly status?: string;
      readonly lastTransitionTime?: string;
    }[];
    readonly containerStatuses?: readonly PodContainerStatus[];
    readonly initContainerStatuses?: readonly PodContainerStatus[];
    readonly ephemeralContainerStatuses?: readonly PodContainerStatus[];
  };
}

interface PodContainer {
  readonly name?: string;
  readonly image?: string;
  readonly restartPolicy?: string;
}

interface PodContainerStatus {
  readonly name?: string;
  readonly imageID?: string;
  readonly started?: boolean;
  readonly state?: {
    readonly waiting?: { readonly reason?: string; readonly message?: string };
    readonly running?: { readonly startedAt?: string };
    readonly terminated?: { readonly exitCode?: number; readonly finishedAt?: string };
  };
  /** Before it was restarted. */
  readonly lastState?: { readonly terminated?: { readonly finishedAt?: string } };
}

/** A part of a pod that waits for its image, in the pod's own words. */
export interface PodWait {
  readonly container: string;
  readonly part: PodPart;
  readonly image: string;
  readonly since: number;
  readonly turn: boolean;
  readonly reason?: string;
  readonly message?: string;
}

/** What is kept of a pod: its place, and what it waits for. */
export interface KeptPod {
  readonly namespace: string;
  readonly podName: string;
  /** By which kubelet's events name it. */
  readonly podUid: string;
  readonly nodeName: string;
  readonly waits: readonly PodWait[];
  /** Milliseconds since 1970: when kubelet last changed the pod's status, by its own clock. */
  readonly statusAt?: number;
}

/** Stands for every pod that waits for nothing: ten thousand running pods cost their keys only. */
export const nothingWaits: KeptPod = { namespace: "", podName: "", podUid: "", nodeName: "", waits: [] };

/** Kubelet's reasons for "no image": what a failed or refused try leaves behind. */
const imageFaults: ReadonlySet<string> = new Set([
  "ErrImagePull",
  "ImagePullBackOff",
  "ErrImageNeverPull",
  "InvalidImageName",
  "ImageInspectError",
  "RegistryUnavailable",
  "SignatureValidationFailed",
]);
/**
 * Kubelet's reasons for "the image is there, and what comes after it failed" (pkg/kubelet/container, sync_result.go). A
 * container that was never made has no imageID: a missing ConfigMap, say, is no wait for an image.
 */
const laterFaults: ReadonlySet<string> = new Set([
  "CreateContainerConfigError",
  "CreateContainerError",
  "PreCreateHookError",
  "PreStartHookError",
  "PostStartHookError",
  "RunContainerError",
  "CrashLoopBackOff",
]);
const mostParts = 200;
const longestReason = 253;
const longestMessage = 2_000;

export function isImageFault(reason: string | undefined): boolean {
  return reason !== undefined && imageFaults.has(reason);
}

function isLaterFault(reason: string | undefined): boolean {
  return reason !== undefined && laterFaults.has(reason);
}

/**
 * A static pod stands in the API as its mirror, with a UID of its own; kubelet's events name the static pod's, which is
 * this annotation of the mirror.
 */
const mirrorAnnotation = "kubernetes.io/config.mirror";

/** From a pod to what is kept of it. Undefined when no node has it, or when it is over. */
export function keptPod(pod: Pod): KeptPod | undefined {
  const nodeName = pod.spec?.nodeName;
  const { name, namespace, uid, deletionTimestamp } = pod.metadata;
  if (!nodeName || name === undefined || namespace === undefined || uid === undefined) return undefined;
  const phase = pod.status?.phase;
  if (deletionTimestamp !== undefined || phase === "Succeeded" || phase === "Failed") return undefined;
  const waits = waitsOf(pod);
  if (waits.length === 0) return nothingWaits;
  const podUid = pod.metadata.annotations?.[mirrorAnnotation] ?? uid;
  const statusAt = statusTime(pod);
  return { namespace, podName: name, podUid, nodeName, waits, ...(statusAt === undefined ? {} : { statusAt }) };
}

function statusTime({ metadata }: Pod): number | undefined {
  const written = metadata.managedFields?.find((one) => one.manager === "kubelet" && one.subresource === "status");
  return timeOf(written?.time);
}

function waitsOf(pod: Pod): readonly PodWait[] {
  const { spec = {}, status = {} } = pod;
  const scheduled = conditionTime(pod, "PodScheduled") ?? timeOf(pod.metadata.creationTimestamp) ?? 0;
  const initialized = conditionTime(pod, "Initialized");
  const init = spec.initContainers ?? [];
  const initStatuses = status.initContainerStatuses ?? [];
  const statuses = status.containerStatuses ?? [];
  // Init containers go one after the other; one that restarts always lets the next begin once it has started.
  const goneBy = init.findIndex(({ name, restartPolicy }) => {
    const { state, started } = statusOf(initStatuses, name);
    return restartPolicy === "Always" ? started !== true : state?.terminated?.exitCode !== 0;
  });
  const initDone = goneBy === -1;
  const waits: PodWait[] = [];
  const look = (containers: readonly PodContainer[], of: readonly PodContainerStatus[], more: Turn): void => {
    for (const [index, container] of containers.slice(0, mostParts).entries()) {
      const { turn, since, part } = more(container, index);
      const wait = waitOf(container, statusOf(of, container.name), { turn, since, part });
      if (wait !== undefined) waits.push(wait);
    }
  };
  look(init, initStatuses, ({ restartPolicy }, index) => ({
    part: restartPolicy === "Always" ? "sidecar" : "init",
    turn: goneBy === -1 || index <= goneBy,
    since: Math.max(scheduled, finishedAt(initStatuses[index - 1])),
  }));
  look(spec.containers ?? [], statuses, () => ({
    part: "container",
    turn: initDone,
    since: init.length > 0 ? Math.max(scheduled, initialized ?? 0) : scheduled,
  }));
  look(spec.ephemeralContainers ?? [], status.ephemeralContainerStatuses ?? [], () => ({
    part: "ephemeral",
    turn: true,
    since: scheduled,
  }));
  return [...volumeWaits(pod, scheduled, waits), ...waits];
}

type Turn = (container: PodContainer, index: number) => Pick<PodWait, "turn" | "since" | "part">;

function waitOf(
  container: PodContainer,
  status: PodContainerStatus,
  more: Pick<PodWait, "turn" | "since" | "part">,
): PodWait | undefined {
  const { name, image } = container;
  if (typeof name !== "string" || typeof image !== "string" || image === "") return undefined;
  const { state, lastState, imageID } = status;
  const { reason, message } = state?.waiting ?? {};
  if (state?.running !== undefined || state?.terminated !== undefined) return undefined;
  // After a crash the image is there (imageID), unless kubelet says that it is missing again.
  if (typeof imageID === "string" && imageID !== "" && !isImageFault(reason)) return undefined;
  if (isLaterFault(reason)) return undefined;
  return {
    container: name,
    image,
    ...more,
    // Up to its end it ran: only since then it lacks the image.
    since: Math.max(more.since, timeOf(lastState?.terminated?.finishedAt) ?? 0),
    ...(typeof reason === "string" && reason !== "" ? { reason: reason.slice(0, longestReason) } : {}),
    ...(typeof message === "string" && message !== "" ? { message: message.slice(0, longestMessage) } : {}),
  };
}

/**
 * Image volumes have no status of their own. Kubelet pulls them before the first container starts, and says of a failed
 * one in the status of the containers, naming the volume's image.
 */
function volumeWaits(pod: Pod, scheduled: number, waits: readonly PodWait[]): readonly PodWait[] {
  const { spec, status } = pod;
  const begun = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])].some(
    ({ state, imageID }) =>
      state?.running !== undefined ||
      state?.terminated !== undefined ||
      (imageID ?? "") !== "" ||
      isLaterFault(state?.waiting?.reason),
  );
  if (begun) return [];
  const found: PodWait[] = [];
  for (const { name, image } of (spec?.volumes ?? []).slice(0, mostParts)) {
    const reference = image?.reference;
    if (typeof name !== "string" || typeof reference !== "string" || reference === "") continue;
    const said = waits.find((wait) => isImageFault(wait.reason) && wait.image !== reference && names(wait, reference));
    found.push({
      container: name,
      part: "volume",
      image: reference,
      since: scheduled,
      turn: true,
      ...(said?.reason === undefined ? {} : { reason: said.reason }),
      ...(said?.message === undefined ? {} : { message: said.message }),
    });
  }
  return found;
}

function names(wait: PodWait, reference: string): boolean {
  return wait.message?.includes(`"${reference}"`) === true && !wait.message.includes(`"${wait.image}"`);
}

function statusOf(statuses: readonly PodContainerStatus[], name: string | undefined): PodContainerStatus {
  return statuses.find((status) => status.name === name) ?? {};
}

function finishedAt(status: PodContainerStatus | undefined): number {
  return timeOf(status?.state?.terminated?.finishedAt) ?? timeOf(status?.state?.running?.startedAt) ?? 0;
}

function conditionTime(pod: Pod, type: string): number | undefined {
  const condition = pod.status?.conditions?.find((one) => one.type === type && one.status === "True");
  return timeOf(condition?.lastTransitionTime);
}

/** Milliseconds since 1970 of an RFC 3339 time. */
export function timeOf(text: unknown): number | undefined {
  const time = typeof text === "string" ? Date.parse(text) : Number.NaN;
  return Number.isNaN(time) ? undefined : time;
}

/** Whether readers would see no difference. */
export function samePod(a: KeptPod, b: KeptPod): boolean {
  if (a === b) return true;
  return (
    a.podUid === b.podUid &&
    a.nodeName === b.nodeName &&
    a.waits.length === b.waits.length &&
    a.waits.every((wait, index) => {
      const other = b.waits[index];
      return (
        other !== undefined &&
        wait.container === other.container &&
        wait.part === other.part &&
        wait.image === other.image &&
        wait.since === other.since &&
        wait.turn === other.turn &&
        wait.reason === other.reason &&
        wait.message === other.message
      );
    })
  );
}
