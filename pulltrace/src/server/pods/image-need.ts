import type { PodReference } from "../../contract/index.ts";
import type { WaitingContainer } from "./contract.ts";
import { printable } from "../printable.ts";
import { fullImageName, matchImage, readImageName, type ImageName } from "./image-name.ts";

/** An image that containers of one node wait for. */
export interface ImageNeed {
  /** Its whole name; what makes two needs of a node the same. */
  readonly image: string;
  /** Undefined for what is no name. */
  readonly name: ImageName | undefined;
  /** Those that wait longest first. */
  readonly containers: readonly WaitingContainer[];
  readonly pods: readonly PodReference[];
}

/** A pull as far as it is matched with needs. */
export interface Matched {
  readonly imageRef: string;
  readonly manifestDigest?: string | undefined;
  readonly containerdNamespace?: string | undefined;
}

const mostPods = 200;
const longestReason = 253;

/** The images that a node's containers wait for. */
export function needsOf(waiting: readonly WaitingContainer[]): readonly ImageNeed[] {
  const byImage = new Map<string, WaitingContainer[]>();
  for (const container of waiting) {
    const image = fullImageName(container.image);
    const known = byImage.get(image);
    if (known === undefined) byImage.set(image, [container]);
    else known.push(container);
  }
  return [...byImage].map(([image, containers]) => {
    containers.sort((a, b) => a.since - b.since || compare(nameOf(a), nameOf(b)));
    return { image, name: readImageName(image), containers, pods: containers.slice(0, mostPods).map(referenceTo) };
  });
}

function nameOf({ namespace, podName, part, container }: WaitingContainer): string {
  return `${namespace}/${podName}/${part}/${container}`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function referenceTo(container: WaitingContainer): PodReference {
  const { namespace, podName, image, part, reason, since } = container;
  return {
    namespace,
    podName,
    container: container.container,
    image: readImageName(image) === undefined ? fullImageName(image) : image,
    part,
    ...(reason === undefined ? {} : { reason: printable(reason, longestReason) }),
    ...(since > 0 ? { since: new Date(since).toISOString() } : {}),
  };
}

/**
 * Which need is served by which pull. Sure matches (tag, digest) count first. A pull whose tag is not known yet is taken
 * for the need of its repository when there is one of each only; where several could be meant nothing is guessed.
 * kubelet's images live in containerd's namespace k8s.io: a pull in another one serves nobody here.
 */
export function matchNeeds<P extends Matched>(
  needs: readonly ImageNeed[],
  pulls: readonly P[],
): ReadonlyMap<P, ImageNeed> {
  const matches = new Map<P, ImageNeed>();
  const open: { readonly pull: P; readonly name: ImageName }[] = [];
  const served = new Set<ImageNeed>();
  for (const pull of pulls) {
    if (pull.containerdNamespace !== undefined && pull.containerdNamespace !== "k8s.io") continue;
    const name = readImageName(pull.imageRef);
    if (name === undefined) continue;
    const sure = needs.find((need) => strengthOf(need, name, pull) === "exact");
    if (sure === undefined) open.push({ pull, name });
    else {
      matches.set(pull, sure);
      served.add(sure);
    }
  }
  for (const { pull, name } of open) {
    const possible = needs.filter((need) => !served.has(need) && strengthOf(need, name, pull) === "possible");
    const [need] = possible;
    if (need === undefined || possible.length > 1) continue;
    const rivals = open.filter((other) => strengthOf(need, other.name, other.pull) === "possible");
    if (rivals.length === 1) matches.set(pull, need);
  }
  return matches;
}

function strengthOf(need: ImageNeed, name: ImageName, pull: Matched): "exact" | "possible" | "none" {
  return need.name === undefined ? "none" : matchImage(need.name, { name, manifestDigest: pull.manifestDigest });
}
