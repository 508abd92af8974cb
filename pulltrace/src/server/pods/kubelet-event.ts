import type { KubernetesObject } from "@waybill/foundation/kubernetes";
import { timeOf } from "./pod.ts";

/** The fields of an Event (core/v1) that are read. */
export interface KubeletEvent extends KubernetesObject {
  readonly involvedObject?: { readonly uid?: string; readonly fieldPath?: string };
  readonly reason?: string;
  readonly message?: string;
  readonly count?: number;
  readonly firstTimestamp?: string | null;
  readonly lastTimestamp?: string | null;
  readonly eventTime?: string | null;
  readonly series?: { readonly count?: number; readonly lastObservedTime?: string };
}

/** What kubelet said about one image of one pod. Kubelet counts events of the same words in one. */
export interface KeptEvent {
  readonly podUid: string;
  readonly image: string;
  readonly kind: "pulling" | "failed" | "back-off" | "there";
  /** How often it was said. Kubelet says no more than 25 things at once of a pod: at least so often. */
  readonly count: number;
  readonly lastAt: number;
  /** Kubelet's words of a failure. */
  readonly message?: string;
}

/** Reasons to ask for: the API server selects by one at a time. */
export const pullReasons = ["Pulling", "Failed", "BackOff", "Pulled"] as const;

const longestMessage = 2_000;

/** From an event to what is kept of it; undefined for what says nothing of a pull. */
export function keptEvent(event: KubeletEvent): KeptEvent | undefined {
  const podUid = event.involvedObject?.uid;
  const { message, reason } = event;
  if (typeof podUid !== "string" || podUid === "" || typeof message !== "string") return undefined;
  const lastAt =
    timeOf(event.series?.lastObservedTime) ??
    timeOf(event.lastTimestamp) ??
    timeOf(event.eventTime) ??
    timeOf(event.metadata.creationTimestamp);
  if (lastAt === undefined) return undefined;
  const said = sayingOf(reason, message.slice(0, longestMessage));
  if (said === undefined) return undefined;
  const counted = event.series?.count ?? event.count;
  const count = typeof counted === "number" && Number.isSafeInteger(counted) && counted > 0 ? counted : 1;
  return { podUid, lastAt, count, ...said };
}

function sayingOf(
  reason: string | undefined,
  message: string,
): Pick<KeptEvent, "kind" | "image" | "message"> | undefined {
  const image = (form: RegExp): string | undefined => form.exec(message)?.[1];
  if (reason === "Pulling") {
    const name = image(/^Pulling image "([^"]{1,1024})"/);
    return name === undefined ? undefined : { kind: "pulling", image: name };
  }
  if (reason === "Failed") {
    // "Error: ErrImagePull" and its like follow each of these and say nothing new.
    const name = image(/^Failed to pull image "([^"]{1,1024})": /);
    return name === undefined ? undefined : { kind: "failed", image: name, message };
  }
  if (reason === "BackOff") {
    const name = image(/^Back-off pulling image "([^"]{1,1024})"/);
    return name === undefined ? undefined : { kind: "back-off", image: name };
  }
  if (reason !== "Pulled") return undefined;
  const name =
    image(/^Successfully pulled image "([^"]{1,1024})"/) ??
    image(/^Container image "([^"]{1,1024})" already present on machine/);
  return name === undefined ? undefined : { kind: "there", image: name };
}
