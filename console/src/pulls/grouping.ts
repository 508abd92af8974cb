import { isFailing, isOver, isRunning, type PodReference, type PullStatus } from "@waybill/pulltrace/contract";
import { splitImageReference } from "../format/index.ts";
import type { PullEntry } from "../live/index.ts";

/** An image, and the newest pull of it on each node. */
export interface ImageGroup {
  readonly key: string;
  /** With a tag as soon as one of its pulls has one. */
  readonly imageRef: string;
  /** Ids of the newest pull on each node, by the nodes' names. */
  readonly pullIds: readonly string[];
  /** When the first of them began, ms: it does not change while more nodes begin. */
  readonly startedMs: number;
  /** When the last of them ended, ms; absent while one runs. */
  readonly completedMs?: number;
  readonly failed: number;
}

/**
 * Groups pulls by what is pulled: repository and manifest digest, so that a tag which was moved meanwhile is another
 * image, and a pull whose tag is not known yet stands with the others. Before its manifest is read a pull stands with
 * the newest image of its name.
 */
export function groupByImage(entries: Iterable<PullEntry>): ReadonlyMap<string, ImageGroup> {
  const parts = new Map<string, PullEntry[]>();
  const newestOfName = new Map<string, { key: string; startedMs: number }>();
  const unread: PullEntry[] = [];
  for (const entry of entries) {
    const key = digestKey(entry.pull);
    if (key === undefined) {
      unread.push(entry);
      continue;
    }
    push(parts, key, entry);
    const known = newestOfName.get(entry.pull.imageRef);
    if (known === undefined || known.startedMs < entry.startedMs)
      newestOfName.set(entry.pull.imageRef, { key, startedMs: entry.startedMs });
  }
  for (const entry of unread) push(parts, newestOfName.get(entry.pull.imageRef)?.key ?? entry.pull.imageRef, entry);
  const groups = new Map<string, ImageGroup>();
  for (const [key, members] of parts) groups.set(key, groupOf(key, members));
  return groups;
}

/** The images that have one of the pulls: a filter chooses images, and each of them is shown whole. */
export function groupsWith(groups: ReadonlyMap<string, ImageGroup>, matching: readonly PullEntry[]): ImageGroup[] {
  const wanted = new Set(matching.map((entry) => entry.pull.id));
  return [...groups.values()].filter((group) => group.pullIds.some((id) => wanted.has(id)));
}

/** How far the roll-out of an image is. */
export interface RollOut {
  /** By the nodes' names. */
  readonly pulls: readonly PullStatus[];
  /** So many nodes have the image. */
  readonly have: number;
  /** 0..100, over all nodes. */
  readonly percent: number;
  /** Absent while nothing is being downloaded. */
  readonly bytesPerSec?: number;
  readonly pods: readonly PodReference[];
  /** The node that will have it last; once all are through, the one of several that took longest. */
  readonly slowest?: PullStatus;
  /** When the last node will have it, ms: only when each pull that is not over runs and has a time left. */
  readonly endsAt?: number;
  /** The failing pull that is tried again first, if one is failing. */
  readonly failing?: PullStatus;
}

/** @param entries where the group's pulls stand now */
export function rollOutOf(group: ImageGroup, entries: ReadonlyMap<string, PullEntry>): RollOut {
  const pulls = group.pullIds.flatMap((id) => entries.get(id)?.pull ?? []);
  const running = pulls.filter(isRunning);
  const loading = running.filter((pull) => pull.phase === "downloading");
  const done = pulls.filter((pull) => pull.phase === "done");
  const slowest =
    running.length > 0 ? highest(running, isBehind) : done.length > 1 ? highest(done, tookLonger) : undefined;
  return {
    pulls,
    have: done.length,
    percent: pulls.length === 0 ? 0 : pulls.reduce((sum, pull) => sum + pull.percent, 0) / pulls.length,
    ...(loading.length === 0
      ? {}
      : { bytesPerSec: loading.reduce((sum, pull) => sum + Math.max(0, pull.bytesPerSec), 0) }),
    pods: pulls.filter((pull) => !isOver(pull)).flatMap((pull) => pull.pods),
    ...endOf(pulls),
    ...failureOf(pulls),
    ...(slowest === undefined ? {} : { slowest }),
  };
}

function endOf(pulls: readonly PullStatus[]): Pick<RollOut, "endsAt"> {
  const open = pulls.filter((pull) => !isOver(pull));
  const ends = open.map((pull) => (pull.timeLeft === undefined ? Number.NaN : Date.parse(pull.timeLeft.endsAt)));
  const last = ends.reduce((latest, end) => Math.max(latest, end), 0);
  return ends.length === 0 || Number.isNaN(last) || !open.every(isRunning) ? {} : { endsAt: last };
}

function failureOf(pulls: readonly PullStatus[]): Pick<RollOut, "failing"> {
  const next = (pull: PullStatus): number => (pull.nextTryAt === undefined ? Infinity : Date.parse(pull.nextTryAt));
  const failing = highest(pulls.filter(isFailing), (a, b) => next(a) < next(b));
  return failing === undefined ? {} : { failing };
}

/** Failed ones first, then the running, then the others; among these by the nodes' names. Progress moves none. */
export function byUrgency(pulls: readonly PullStatus[]): readonly PullStatus[] {
  const rank = (pull: PullStatus): number => (pull.phase === "failed" ? 0 : isOver(pull) ? 2 : 1);
  return pulls.toSorted((a, b) => rank(a) - rank(b));
}

/** With nothing but unpacking left it is further than any that downloads; without a time left it may take for ever. */
function isBehind(a: PullStatus, b: PullStatus): boolean {
  const left = (pull: PullStatus): number => {
    if (pull.timeLeft !== undefined) return (Date.parse(pull.timeLeft.endsAt) - Date.parse(pull.updatedAt)) / 1000;
    return pull.etaSeconds >= 0 ? pull.etaSeconds : pull.phase === "unpacking" ? 0 : Infinity;
  };
  return left(a) === left(b) ? a.percent < b.percent : left(a) > left(b);
}

function tookLonger(a: PullStatus, b: PullStatus): boolean {
  const took = (pull: PullStatus): number =>
    Date.parse(pull.completedAt ?? pull.updatedAt) - Date.parse(pull.startedAt);
  return took(a) > took(b);
}

function highest(pulls: readonly PullStatus[], above: (a: PullStatus, b: PullStatus) => boolean) {
  let top = pulls[0];
  for (const pull of pulls) if (top !== undefined && above(pull, top)) top = pull;
  return top;
}

function groupOf(key: string, members: readonly PullEntry[]): ImageGroup {
  const newest = new Map<string, PullEntry>();
  for (const entry of members) {
    const known = newest.get(entry.pull.nodeName);
    if (known === undefined || known.startedMs < entry.startedMs) newest.set(entry.pull.nodeName, entry);
  }
  const entries = [...newest.values()].sort((a, b) => byNodeName(a.pull.nodeName, b.pull.nodeName));
  const named = entries.find((entry) => !entry.pull.imageRef.includes("@")) ?? entries[0];
  const over = entries.every((entry) => entry.completedMs !== undefined);
  return {
    key,
    imageRef: named?.pull.imageRef ?? key,
    pullIds: entries.map((entry) => entry.pull.id),
    startedMs: entries.reduce((first, entry) => Math.min(first, entry.startedMs), Infinity),
    ...(over ? { completedMs: entries.reduce((last, entry) => Math.max(last, entry.completedMs ?? 0), 0) } : {}),
    failed: entries.filter((entry) => entry.pull.phase === "failed").length,
  };
}

function digestKey({ imageRef, manifestDigest }: PullStatus): string | undefined {
  if (manifestDigest === undefined) return undefined;
  const { registry, repository } = splitImageReference(imageRef);
  return `${registry}/${repository}@${manifestDigest}`;
}

function push(parts: Map<string, PullEntry[]>, key: string, entry: PullEntry): void {
  const list = parts.get(key);
  if (list === undefined) parts.set(key, [entry]);
  else list.push(entry);
}

/** Names with their numbers padded: compared as they are, far faster than a collator, and worker-10 follows worker-9. */
const padded = new Map<string, string>();

function byNodeName(a: string, b: string): number {
  const left = paddedName(a);
  const right = paddedName(b);
  return left < right ? -1 : left > right ? 1 : 0;
}

function paddedName(name: string): string {
  const known = padded.get(name);
  if (known !== undefined) return known;
  if (padded.size > 20_000) padded.clear();
  const text = name.replaceAll(/\d+/g, (digits) => digits.padStart(12, "0"));
  padded.set(name, text);
  return text;
}
