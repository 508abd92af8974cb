import { isFailing, isOver, isRunning, type PullStatus } from "@waybill/pulltrace/contract";
import { formatDuration, formatTimeLeft, shortImageName } from "../format/index.ts";
import type { PullEntry } from "../live/index.ts";

/** When will it be over: a figure, or the reason why there is none. */
export interface TimeLeft {
  readonly text: string;
  /** False when `text` is a reason instead of a time. */
  readonly known: boolean;
}

/** Milliseconds without a word of a running pull after which its figures are called old. */
const staleMs = 10_000;

/**
 * @param now the server's clock, ms
 * @param holder name of the pull on this node that fetches a layer which `pull` waits for
 */
export function timeLeft(pull: PullStatus, now: number, holder: string | undefined): TimeLeft {
  if (isFailing(pull)) return nextTry(pull, now);
  if (pull.phase === "waiting") return { known: false, text: waitWords(pull) };
  if (isOver(pull)) {
    const seconds = (Date.parse(pull.completedAt ?? pull.updatedAt) - Date.parse(pull.startedAt)) / 1000;
    const after = formatDuration(seconds);
    return { known: false, text: pull.phase === "done" ? `took ${after}` : `after ${after}` };
  }
  const silent = now - Date.parse(pull.updatedAt);
  if (silent > staleMs) return { known: false, text: `no report for ${formatDuration(silent / 1000)}` };
  const endsAt = pull.timeLeft === undefined ? Number.NaN : Date.parse(pull.timeLeft.endsAt);
  if (!Number.isNaN(endsAt)) {
    // What rests on other pulls than this one, or on a speed that has just changed, is said less firmly.
    return { known: true, text: formatTimeLeft((endsAt - now) / 1000, pull.timeLeft?.basis !== "measured") };
  }
  if (pull.phase === "unpacking") return { known: false, text: "unpacking to disk" };
  if (pull.phase === "resolving") return { known: false, text: "reading manifest" };
  if (!pull.totalKnown) return { known: false, text: "size not known yet" };
  if (pull.etaSeconds >= 0 && pull.bytesPerSec > 0) return { known: true, text: formatTimeLeft(pull.etaSeconds) };
  if (holder !== undefined || pull.cause?.kind === "other-pull")
    return { known: false, text: `waits for ${holder ?? "another pull"}` };
  // Of very many pulls the page has no layers, and cannot tell what holds one up.
  const slots = pull.layers.length > 0 && !pull.layers.some((layer) => layer.phase === "downloading");
  return { known: false, text: slots ? "waits for a free slot" : "no bytes coming in" };
}

/** Kubelet looks at its pods in rounds of 10 to 15 s: nothing nearer than that can be foretold. */
const aboutNowMs = 5_000;

/** When kubelet tries a failed pull again: reckoned by the server, so always "about". */
export function nextTry(pull: Pick<PullStatus, "nextTryAt" | "waitsFor">, now: number): TimeLeft {
  if (pull.waitsFor?.kind === "never") return { known: false, text: "not tried again" };
  const at = pull.nextTryAt === undefined ? Number.NaN : Date.parse(pull.nextTryAt);
  if (Number.isNaN(at)) return { known: false, text: "tried again by itself" };
  if (at - now < aboutNowMs) return { known: true, text: "next try about now" };
  return { known: true, text: `next try in ${formatTimeLeft((at - now) / 1000, true)}` };
}

function waitWords({ waitsFor }: PullStatus): string {
  const ahead = waitsFor?.pullsAhead ?? 0;
  if (waitsFor?.kind !== "queue" || ahead === 0) return "not begun yet";
  return ahead === 1 ? "1 pull goes first" : `${ahead} pulls go first`;
}

/** Running pulls by node: a shared layer is looked for only among the pulls of the same node. */
export function runningByNode(entries: Iterable<PullEntry>): ReadonlyMap<string, readonly PullEntry[]> {
  const nodes = new Map<string, PullEntry[]>();
  for (const entry of entries) {
    if (!isRunning(entry.pull)) continue;
    const list = nodes.get(entry.pull.nodeName);
    if (list === undefined) nodes.set(entry.pull.nodeName, [entry]);
    else list.push(entry);
  }
  return nodes;
}

/** Name of a pull that fetches a layer which `pull` waits for; `byNode` has all running pulls. */
export function holderOf(pull: PullStatus, byNode: ReadonlyMap<string, readonly PullEntry[]>): string | undefined {
  const [holder] = layerHolders(pull, byNode.get(pull.nodeName) ?? []).values();
  return holder;
}

/**
 * containerd fetches a layer that two pulls share only once, and the second pull waits for the first one's download.
 * The server's word on it goes first; without it the neighbours tell.
 * @returns for each waiting layer (by digest) of `pull` that another pull of `neighbours` downloads, that pull's name
 */
export function layerHolders(pull: PullStatus, neighbours: readonly PullEntry[]): ReadonlyMap<string, string> {
  const waiting = new Set<string>();
  const holders = new Map<string, string>();
  for (const { phase, digest, waitsFor } of pull.layers) {
    if (phase !== "waiting") continue;
    if (waitsFor === undefined) {
      waiting.add(digest);
      continue;
    }
    const seen = waitsFor.imageRef ?? neighbours.find((other) => other.pull.id === waitsFor.pullId)?.pull.imageRef;
    holders.set(digest, seen === undefined ? "another pull" : shortImageName(seen));
  }
  if (waiting.size === 0) return holders;
  for (const { pull: other } of neighbours) {
    if (other.id === pull.id) continue;
    for (const layer of other.layers) {
      if (layer.phase === "downloading" && waiting.has(layer.digest)) {
        holders.set(layer.digest, shortImageName(other.imageRef));
      }
    }
  }
  return holders;
}

/**
 * Why a layer of a pull waits. Where another pull fetches one of its layers and nothing of its own is fetched, containerd
 * begins with the others when that one is there: no slot is missing.
 * @param holders what `layerHolders` says of the pull
 */
export function layerWaitWords(pull: PullStatus, digest: string, holders: ReadonlyMap<string, string>): string {
  if (!isRunning(pull)) return "not begun";
  const holder = holders.get(digest);
  if (holder !== undefined) return `waits for ${holder}`;
  const idle = holders.size > 0 && !pull.layers.some(({ phase }) => phase === "downloading");
  return idle ? "waiting its turn" : "waiting for a slot";
}
