import type { ListChange } from "@waybill/foundation/kubernetes";
import type { NodeWaits, WaitingContainer } from "./contract.ts";
import { fullImageName } from "./image-name.ts";
import type { KeptEvent } from "./kubelet-event.ts";
import { failedBefore, lastTryOf, type SeenTries } from "./next-try.ts";
import { isImageFault, nothingWaits, type KeptPod, type PodWait } from "./pod.ts";

/** Pods that wait, by node, with what kubelet said of their images. Takes the changes of the watches; does no I/O. */
export interface PodIndex {
  /** Returns the nodes whose waits changed. */
  podChanged(change: ListChange<KeptPod>, now: number): readonly string[];
  eventChanged(change: ListChange<KeptEvent>): readonly string[];
  podsOn(nodeName: string, now: number): NodeWaits;
  /** What is kept, for tests. */
  size(): { readonly pods: number; readonly events: number; readonly tries: number };
}

const settledForMs = 60_000;
const mostSettled = 500;

export function createPodIndex(): PodIndex {
  const byNode = new Map<string, Map<string, KeptPod>>();
  const nodeOfPod = new Map<string, string>();
  const events = new Map<string, Map<string, KeptEvent>>();
  const tries = new Map<string, Map<string, SeenTries>>();
  const settled = new Map<string, NodeWaits["settled"]>();

  const settle = (nodeName: string, waits: readonly PodWait[], how: "has-image" | "gone", at: number): void => {
    if (waits.length === 0) return;
    const kept = (settled.get(nodeName) ?? []).filter((one) => at - one.at < settledForMs);
    const added = waits.map(({ image }) => ({ image: fullImageName(image), at, how }));
    settled.set(nodeName, [...kept, ...added].slice(-mostSettled));
  };
  const forget = (key: string, pod: KeptPod, samePod: boolean): void => {
    const pods = byNode.get(pod.nodeName);
    pods?.delete(key);
    if (pods?.size === 0) byNode.delete(pod.nodeName);
    if (samePod) return;
    nodeOfPod.delete(pod.podUid);
    tries.delete(pod.podUid);
  };
  /** @param before what the pod waited for until now; undefined when it is seen for the first time */
  const note = (before: readonly PodWait[] | undefined, pod: KeptPod, now: number): void => {
    const statusAt = pod.statusAt ?? now;
    for (const image of new Set(pod.waits.map((wait) => wait.image))) {
      const known = tries.get(pod.podUid)?.get(image);
      const seen = seenTry(before, pod, { image, known, statusAt });
      if (seen === undefined) continue;
      const ofPod = tries.get(pod.podUid) ?? new Map<string, SeenTries>();
      tries.set(pod.podUid, ofPod.set(image, seen));
    }
  };

  return {
    podChanged(change, now) {
      const previous = change.type === "added" || change.previous === nothingWaits ? undefined : change.previous;
      const value = change.type === "deleted" || change.value === nothingWaits ? undefined : change.value;
      const nodes = new Set<string>();
      const samePod = previous !== undefined && value?.podUid === previous.podUid;
      if (previous !== undefined) {
        nodes.add(previous.nodeName);
        forget(change.key, previous, samePod);
        const stays = samePod || (change.type !== "deleted" && change.value === nothingWaits);
        const over = previous.waits.filter(
          (wait) => !samePod || !value.waits.some((one) => partKey(one) === partKey(wait) && one.image === wait.image),
        );
        settle(previous.nodeName, over, stays ? "has-image" : "gone", now);
      }
      if (value !== undefined) {
        nodes.add(value.nodeName);
        const ran = change.type === "changed" && change.previous === nothingWaits;
        note(samePod ? previous.waits : ran ? [] : undefined, value, now);
        const pods = byNode.get(value.nodeName) ?? new Map<string, KeptPod>();
        byNode.set(value.nodeName, pods.set(change.key, value));
        nodeOfPod.set(value.podUid, value.nodeName);
      }
      return [...nodes];
    },
    eventChanged(change) {
      const kept = change.type === "deleted" ? change.previous : change.value;
      const ofPod = events.get(kept.podUid) ?? new Map<string, KeptEvent>();
      if (change.type === "deleted") ofPod.delete(change.key);
      else ofPod.set(change.key, change.value);
      if (ofPod.size === 0) events.delete(kept.podUid);
      else events.set(kept.podUid, ofPod);
      const nodeName = nodeOfPod.get(kept.podUid);
      return nodeName === undefined ? [] : [nodeName];
    },
    podsOn(nodeName, now) {
      const waiting: WaitingContainer[] = [];
      for (const pod of byNode.get(nodeName)?.values() ?? []) {
        const said = [...(events.get(pod.podUid)?.values() ?? [])];
        for (const wait of pod.waits)
          waiting.push(waitingContainer(pod, wait, said, tries.get(pod.podUid)?.get(wait.image)));
      }
      return { waiting, settled: (settled.get(nodeName) ?? []).filter(({ at }) => now - at < settledForMs) };
    },
    size: () => ({ pods: nodeOfPod.size, events: events.size, tries: tries.size }),
  };
}

function partKey({ part, container }: PodWait): string {
  return `${part} ${container}`;
}

/**
 * A failed try that the pod's status shows: a part says `ErrImagePull` that did not say so before. Of a pod that is seen
 * for the first time while kubelet waits, the time of its status tells when the last try was.
 */
function seenTry(
  before: readonly PodWait[] | undefined,
  pod: KeptPod,
  of: { readonly image: string; readonly known: SeenTries | undefined; readonly statusAt: number },
): SeenTries | undefined {
  const { image, known, statusAt } = of;
  const parts = pod.waits.filter((wait) => wait.image === image);
  const then = (before ?? []).filter((wait) => wait.image === image);
  const fresh = parts.some(
    (wait) =>
      wait.reason === "ErrImagePull" &&
      !then.some((one) => partKey(one) === partKey(wait) && one.reason === wait.reason && one.message === wait.message),
  );
  if (fresh) {
    const first = known === undefined && before !== undefined && !then.some(({ reason }) => isImageFault(reason));
    return {
      tries: (known?.tries ?? 0) + 1,
      failedAt: failedBefore(statusAt, first ? "first-try" : "later-try"),
      whole: known?.whole ?? first,
    };
  }
  const late = before === undefined && pod.statusAt !== undefined;
  if (!late || !parts.some(({ reason }) => reason === "ImagePullBackOff")) return undefined;
  return { tries: 1, failedAt: failedBefore(statusAt, "back-off"), whole: false };
}

/** What the pod's status and kubelet's events say together of one part. */
function waitingContainer(
  pod: KeptPod,
  wait: PodWait,
  said: readonly KeptEvent[],
  seen: SeenTries | undefined,
): WaitingContainer {
  const { namespace, podName, podUid } = pod;
  const { container, part, image, since, turn, reason } = wait;
  let askedAt = Number.NEGATIVE_INFINITY;
  let answeredAt = Number.NEGATIVE_INFINITY;
  let failures = 0;
  let failedAt = Number.NEGATIVE_INFINITY;
  let words: KeptEvent | undefined;
  for (const event of said) {
    if (event.image !== image) continue;
    if (event.kind === "pulling") askedAt = Math.max(askedAt, event.lastAt);
    else answeredAt = Math.max(answeredAt, event.lastAt);
    if (event.kind !== "failed") continue;
    failures += event.count;
    failedAt = Math.max(failedAt, event.lastAt);
    if (words === undefined || event.lastAt >= words.lastAt) words = event;
  }
  const last = lastTryOf(failures === 0 ? undefined : { tries: failures, failedAt }, seen);
  // The status of a back-off may say no more than that it is one; the event of the failed try says why.
  const plain = wait.message === undefined || /^Back-off pulling image "[^"]*"$/.test(wait.message);
  const message = plain ? (words?.message ?? wait.message) : wait.message;
  return {
    namespace,
    podName,
    podUid,
    container,
    part,
    image,
    since,
    turn,
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
    asked: askedAt > answeredAt,
    tries: 0,
    ...last,
  };
}
