import type { CauseKind } from "./answers.ts";
import { type Members, nodesOf, podSet, podsOf, put } from "./members.ts";
import { isFailing, isOver, isRunning } from "./phases.ts";
import type { PullStatus } from "./pull.ts";
import { sumTroubles, type Trouble } from "./troubles.ts";

/**
 * Whom it hits, and why, summed over many pulls. Server and page apply this one rule: the server to what it tells pages
 * that cannot follow each pull, the page to the pulls that it follows.
 */
export interface PageWaits {
  /** Different pods that wait for an image, whether it is being pulled or not. */
  readonly pods: number;
  /** Namespaces that they are in. */
  readonly namespaces: number;
  /** Those of them whose image failed and is tried again, or never. */
  readonly failingPods: number;
  readonly downloading: number;
  readonly unpacking: number;
  /** Images that a node needs and has not begun. */
  readonly notBegun: number;
  /** Failed pulls within the history, those that are tried again included. */
  readonly failures: number;
  /** What fails now and is waited for: those that keep most pods waiting first, at most ten. */
  readonly troubles: readonly Trouble[];
  readonly moreTroubles: number;
  /** What holds up pulls that do not fail: the causes that keep most pods waiting first. */
  readonly delays: readonly Delay[];
  /** The images that most pods wait for, at most ten. */
  readonly images: readonly WaitedImage[];
  readonly moreImages: number;
}

/** Pulls that one kind of cause holds up. */
export interface Delay {
  readonly kind: CauseKind;
  readonly pulls: number;
  readonly nodes: number;
  /** Different pods that wait for them. */
  readonly pods: number;
  /** RFC 3339: when the last of them will be over; only when each has a time left. */
  readonly endsAt?: string;
  /** The pull that most pods wait for; among equals the one that began first. */
  readonly worst: { readonly imageRef: string; readonly nodeName: string; readonly sentence: string };
}

/** An image that pods wait for. */
export interface WaitedImage {
  readonly imageRef: string;
  /** Different pods that wait. */
  readonly pods: number;
  /** Nodes that need it, and those of them that cannot pull it. */
  readonly nodes: number;
  readonly failingNodes: number;
  /** RFC 3339: when the last node will have it; only when each pull of it has a time left. */
  readonly endsAt?: string;
}

/** So many are told; the others are counted. */
const mostTold = 10;

/** Adds up pulls, each as its reader may see it (pods of other tenants left out). Pulls that are done add nothing. */
export function sumWaits(): { add(pull: PullStatus): void; result(): PageWaits } {
  const pods = podSet();
  const failingPods = podSet();
  const counts = { downloading: 0, unpacking: 0, notBegun: 0, failures: 0 };
  const troubles = sumTroubles();
  const delays = new Map<CauseKind, Members>();
  const images = new Map<string, Members>();
  return {
    add(pull) {
      if (pull.phase === "failed") counts.failures += 1;
      if (isOver(pull)) return;
      if (pull.phase === "downloading") counts.downloading += 1;
      else if (pull.phase === "unpacking") counts.unpacking += 1;
      else if (pull.phase === "waiting") counts.notBegun += 1;
      pods.add(pull);
      if (pull.pods.length > 0) put(images, pull.imageRef, pull);
      if (isFailing(pull)) {
        failingPods.add(pull);
        troubles.add(pull);
      } else if (pull.cause !== undefined) put(delays, pull.cause.kind, pull);
    },
    result() {
      const troubled = troubles.result();
      const waited = [...images.values()].map(imageOf);
      waited.sort((a, b) => b.pods - a.pods || (a.imageRef < b.imageRef ? -1 : 1));
      const delayed = [...delays].map(([kind, members]) => delayOf(kind, members));
      delayed.sort((a, b) => b.pods - a.pods || b.pulls - a.pulls || (a.kind < b.kind ? -1 : 1));
      return {
        pods: pods.size(),
        namespaces: pods.namespaces(),
        failingPods: failingPods.size(),
        ...counts,
        troubles: troubled.slice(0, mostTold),
        moreTroubles: Math.max(0, troubled.length - mostTold),
        delays: delayed,
        images: waited.slice(0, mostTold),
        moreImages: Math.max(0, waited.length - mostTold),
      };
    },
  };
}

function delayOf(kind: CauseKind, members: Members): Delay {
  const worst = members.reduce((a, b) =>
    b.pods.length > a.pods.length || (b.pods.length === a.pods.length && b.startedAt < a.startedAt) ? b : a,
  );
  return {
    kind,
    pulls: members.length,
    nodes: nodesOf(members),
    pods: podsOf(members),
    ...endOf(members),
    worst: { imageRef: worst.imageRef, nodeName: worst.nodeName, sentence: worst.cause?.sentence ?? "" },
  };
}

function imageOf(members: Members): WaitedImage {
  return {
    imageRef: members[0].imageRef,
    pods: podsOf(members),
    nodes: nodesOf(members),
    failingNodes: nodesOf(members.filter(isFailing)),
    ...endOf(members),
  };
}

function endOf(members: Members): { readonly endsAt?: string } {
  let last = "";
  for (const pull of members) {
    if (!isRunning(pull) || pull.timeLeft === undefined) return {};
    if (pull.timeLeft.endsAt > last) last = pull.timeLeft.endsAt;
  }
  return { endsAt: last };
}
