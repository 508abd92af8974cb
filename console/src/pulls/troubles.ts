import type { FailureCode, PullStatus } from "@waybill/pulltrace/contract";
import { shortImageName, splitImageReference } from "../format/index.ts";
import { isFailing, type PullEntry } from "../live/index.ts";
import { shortCause } from "./advice.ts";
import type { PullFilter } from "./filter.ts";
import { nextTry } from "./time-left.ts";

/** Pulls that fail for one and the same reason, told as one thing. */
export interface Trouble {
  readonly key: string;
  readonly code: FailureCode;
  /** Whole references; several only where the registry or the disk is at fault. */
  readonly images: readonly string[];
  readonly nodes: readonly string[];
  /** Different pods that wait. */
  readonly pods: number;
  /** The failing pull that is tried again first. */
  readonly next: Pick<PullStatus, "nextTryAt" | "waitsFor">;
  readonly advice: string;
  /** Shows its pulls. */
  readonly filter: PullFilter;
}

/** The registry is at fault, whatever is asked of it. */
const registryWide: ReadonlySet<FailureCode> = new Set([
  "certificate",
  "name-resolution",
  "timeout",
  "connection",
  "rate-limited",
  "server-error",
]);

interface Scope {
  readonly key: string;
  readonly filter: PullFilter;
}

/**
 * What fails now and is waited for: by image, by registry where it is the registry's fault, by node where the disk is
 * full. Those that keep most pods waiting come first.
 */
export function troublesOf(entries: Iterable<PullEntry>): readonly Trouble[] {
  const parts = new Map<string, { scope: Scope; pulls: PullStatus[] }>();
  for (const { pull } of entries) {
    if (!isFailing(pull)) continue;
    const scope = scopeOf(pull);
    const part = parts.get(scope.key);
    if (part === undefined) parts.set(scope.key, { scope, pulls: [pull] });
    else part.pulls.push(pull);
  }
  const troubles = [...parts.values()].flatMap(({ scope, pulls }) => troubleOf(scope, pulls));
  return troubles.sort((a, b) => b.pods - a.pods || b.nodes.length - a.nodes.length || (a.key < b.key ? -1 : 1));
}

function scopeOf({ imageRef, nodeName, failure }: PullStatus): Scope {
  const code = failure?.code ?? "unknown";
  const filter = { phase: "failed" as const, ...(failure === undefined ? {} : { failure: failure.code }) };
  const { registry } = splitImageReference(imageRef);
  if (code === "no-space") return { key: `${code} ${nodeName}`, filter: { ...filter, node: nodeName } };
  if (registryWide.has(code) && registry !== "")
    return { key: `${code} ${registry}`, filter: { ...filter, q: `${registry}/` } };
  return { key: `${code} ${imageRef}`, filter: { ...filter, q: imageRef } };
}

function troubleOf(scope: Scope, pulls: readonly PullStatus[]): Trouble[] {
  const [first] = pulls;
  if (first === undefined) return [];
  const time = (pull: PullStatus): number => (pull.nextTryAt === undefined ? Infinity : Date.parse(pull.nextTryAt));
  const next = pulls.reduce((a, b) => (time(b) < time(a) ? b : a));
  const images = [...new Set(pulls.map((pull) => pull.imageRef))];
  const [image] = images;
  const pods = new Set(pulls.flatMap((pull) => pull.pods.map(({ namespace, podName }) => `${namespace}/${podName}`)));
  return [
    {
      key: scope.key,
      code: first.failure?.code ?? "unknown",
      images,
      nodes: [...new Set(pulls.map((pull) => pull.nodeName))],
      pods: pods.size,
      next,
      advice: next.failure?.advice ?? "",
      filter: images.length === 1 && image !== undefined ? { ...scope.filter, q: image } : scope.filter,
    },
  ];
}

/** `30 nodes cannot pull team-a/web:2.0: not found. 30 pods wait. Next try in 40 s.` */
export function troubleSentence(trouble: Trouble, now: number): string {
  const { images, nodes, pods, code, next } = trouble;
  const [image = ""] = images;
  const [node = ""] = nodes;
  const who = nodes.length === 1 ? `${node} cannot pull` : `${count(nodes.length, "node")} cannot pull`;
  const { registry } = splitImageReference(image);
  const what =
    images.length === 1
      ? shortImageName(image)
      : `${count(images.length, "image")}${code === "no-space" ? "" : ` of ${registry}`}`;
  const waiting = pods === 0 ? "" : ` ${count(pods, "pod")} ${pods === 1 ? "waits" : "wait"}.`;
  const { text } = nextTry(next, now);
  return `${who} ${what}: ${shortCause(code)}.${waiting} ${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function count(number: number, noun: string): string {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}
