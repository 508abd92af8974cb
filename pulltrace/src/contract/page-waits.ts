import type { CauseKind } from "./answers.ts";
import type { FailureCode } from "./failure.ts";
import { isFailing, isOver, isRunning } from "./phases.ts";
import type { PullStatus } from "./pull.ts";
import type { PullWait } from "./waiting.ts";

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

/** Pulls that fail for one and the same reason, told as one thing. */
export interface Trouble {
  /** The same as long as it is the same trouble. */
  readonly key: string;
  readonly code: FailureCode;
  /** What is at fault, and so what the pulls have in common. */
  readonly scope: "image" | "registry" | "node";
  /** One of the images, and how many there are: several only where the registry or the disk is at fault. */
  readonly imageRef: string;
  readonly images: number;
  /** One of the nodes, and how many there are. */
  readonly nodeName: string;
  readonly nodes: number;
  /** Different pods that wait. */
  readonly pods: number;
  /** What to do; empty when nothing is known. */
  readonly advice: string;
  /** Of the failing pull that is tried again first. */
  readonly nextTryAt?: string;
  readonly waitsFor?: PullWait;
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

/** The registry is at fault, whatever is asked of it. */
const registryWide: ReadonlySet<FailureCode> = new Set([
  "certificate",
  "name-resolution",
  "timeout",
  "connection",
  "rate-limited",
  "server-error",
]);

/** Adds up pulls, each as its reader may see it (pods of other tenants left out). Pulls that are done add nothing. */
export function sumWaits(): { add(pull: PullStatus): void; result(): PageWaits } {
  const pods = podSet();
  const failingPods = podSet();
  const counts = { downloading: 0, unpacking: 0, notBegun: 0, failures: 0 };
  const troubles = new Map<string, Members>();
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
        put(troubles, keyOf(pull), pull);
      } else if (pull.cause !== undefined) put(delays, pull.cause.kind, pull);
    },
    result() {
      const troubled = [...troubles].map(([key, members]) => troubleOf(key, members));
      troubled.sort((a, b) => b.pods - a.pods || b.nodes - a.nodes || (a.key < b.key ? -1 : 1));
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

/** Pulls that have something in common; never empty. */
type Members = [PullStatus, ...PullStatus[]];

function put<Key>(groups: Map<Key, Members>, key: Key, pull: PullStatus): void {
  const members = groups.get(key);
  if (members === undefined) groups.set(key, [pull]);
  else members.push(pull);
}

/** By image, by registry where it is the registry's fault, by node where the disk is full. */
function keyOf(pull: PullStatus): string {
  const code = codeOf(pull);
  const scope = scopeOf(pull);
  if (scope === "node") return `${code} ${pull.nodeName}`;
  return `${code} ${scope === "registry" ? registryOf(pull.imageRef) : pull.imageRef}`;
}

function scopeOf(pull: PullStatus): Trouble["scope"] {
  const code = codeOf(pull);
  if (code === "no-space") return "node";
  return registryWide.has(code) && registryOf(pull.imageRef) !== "" ? "registry" : "image";
}

function codeOf(pull: PullStatus): FailureCode {
  return pull.failure?.code ?? "unknown";
}

/**
 * `host[:port]` of an image reference; empty when it has none. As in the distribution reference grammar the first element
 * is a host only when it has a dot or a colon, or is `localhost`.
 */
export function registryOf(imageRef: string): string {
  const first = imageRef.slice(0, Math.max(0, imageRef.indexOf("/")));
  return first.includes(".") || first.includes(":") || first === "localhost" ? first : "";
}

function troubleOf(key: string, members: Members): Trouble {
  const time = ({ nextTryAt }: PullStatus): number => (nextTryAt === undefined ? Infinity : Date.parse(nextTryAt));
  const next = members.reduce((a, b) => (time(b) < time(a) ? b : a));
  const [{ imageRef, nodeName }] = members;
  return {
    key,
    code: codeOf(members[0]),
    scope: scopeOf(members[0]),
    imageRef,
    images: new Set(members.map((pull) => pull.imageRef)).size,
    nodeName,
    nodes: nodesOf(members),
    pods: podsOf(members),
    advice: next.failure?.advice ?? "",
    ...(next.nextTryAt === undefined ? {} : { nextTryAt: next.nextTryAt }),
    ...(next.waitsFor === undefined ? {} : { waitsFor: next.waitsFor }),
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

function nodesOf(pulls: readonly PullStatus[]): number {
  return new Set(pulls.map(({ nodeName }) => nodeName)).size;
}

function podsOf(pulls: readonly PullStatus[]): number {
  const pods = podSet();
  for (const pull of pulls) pods.add(pull);
  return pods.size();
}

/** Different pods. By namespace, so that no key has to be put together for each. */
function podSet() {
  const byNamespace = new Map<string, Set<string>>();
  return {
    add({ pods }: PullStatus): void {
      for (const { namespace, podName } of pods) {
        const names = byNamespace.get(namespace);
        if (names === undefined) byNamespace.set(namespace, new Set([podName]));
        else names.add(podName);
      }
    },
    size(): number {
      let count = 0;
      for (const names of byNamespace.values()) count += names.size;
      return count;
    },
    namespaces: (): number => byNamespace.size,
  };
}
