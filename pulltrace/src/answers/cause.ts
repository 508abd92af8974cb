import type { LayerStatus, PullCause, PullStatus } from "../contract/index.ts";
import { limitedPullCause } from "./limit-cause.ts";
import { missingIn, pullCause } from "./pull-cause.ts";
import { otherPullCause, queueCause, slotsCause } from "./queue-cause.ts";
import { codecOf, fadedBest, unpackSpeed, type Speeds } from "./speeds.ts";
import { missingBytes, unpackingSince } from "./time-left.ts";
import { countText, durationText, shareText, sizeText, speedText } from "./wording.ts";

export interface CauseFacts {
  readonly pull: PullStatus;
  /** The other running pulls of the node. */
  readonly others: readonly PullStatus[];
  /** Bytes per second that arrive on the node now. */
  readonly nodeBytesPerSec: number;
  readonly node: Speeds;
  readonly fleet: Speeds;
  /** Other nodes that download from the same registry now, and how many of them are much slower than they were lately. */
  readonly registry: { readonly host: string; readonly nodes: number; readonly slow: number };
  /** Pulls of the node that a rate limit made fail lately. */
  readonly refused: readonly PullStatus[];
  /** Milliseconds since 1970: when a byte of the pull arrived last. */
  readonly movedAt: number;
  readonly now: number;
}

/** A pull that has just begun is not slow. */
const youngMs = 5_000;
/** containerd writes pieces of 1 MiB, so that on a slow link some seconds without news mean nothing. */
const stalledMs = 15_000;
const largePart = 0.7;
/** Below this part of what the node reached lately, it is slow. */
export const slowPart = 1 / 3;
/** Below this part of it, its link is not full. */
const fullPart = 0.6;
/** A best speed that was seen for less than this proves nothing. */
const learnedEnoughMs = 10_000;

/** Why the pull is slow, the most certain cause first; undefined when the data shows none. */
export function causeOf(facts: CauseFacts): PullCause | undefined {
  const { pull, others, now } = facts;
  if (pull.phase === "done") return causeOfDone(facts);
  if (now - Date.parse(pull.startedAt) < youngMs) return undefined;
  if (pull.phase === "unpacking") return unpacking(facts);
  if (pull.phase !== "downloading" && pull.phase !== "resolving") return undefined;
  const limit = limitedPullCause(pull, facts.refused, now);
  if (limit?.holds === true) return limit.cause;
  if (pull.phase === "resolving") return undefined;
  return (
    otherPullCause(pull) ??
    queueCause(pull, others) ??
    stalled(facts) ??
    oneLayer(pull) ??
    sharedLink(facts) ??
    slowSource(facts) ??
    slotsCause(pull, {
      link: facts.node.link,
      bytesPerSec: Math.max(facts.nodeBytesPerSec, pull.bytesPerSec),
      now,
    }) ??
    limit?.cause
  );
}

function stalled({ pull, movedAt, now }: CauseFacts): PullCause | undefined {
  const still = now - movedAt;
  if (pull.bytesPerSec > 0 || still < stalledMs || !pull.layers.some(({ phase }) => phase === "downloading")) {
    return undefined;
  }
  return pullCause("stalled", `No data has arrived for ${durationText(still / 1_000)}.`);
}

function oneLayer(pull: PullStatus): PullCause | undefined {
  const missing = missingIn(pull.layers);
  let [largest] = pull.layers;
  for (const layer of pull.layers)
    if (largest !== undefined && missingBytes(layer) > missingBytes(largest)) largest = layer;
  if (!pull.totalKnown || largest === undefined || pull.layers.length < 2 || largest.phase !== "downloading") {
    return undefined;
  }
  const share = missing === 0 ? 0 : missingBytes(largest) / missing;
  // It is large by itself too: the last remainder of a small layer is no giant.
  if (share < largePart || largest.totalBytes * 2 < pull.totalBytes - pull.cachedBytes) return undefined;
  return pullCause(
    "one-layer",
    `One layer of ${sizeText(largest.totalBytes)} holds ${shareText(share)} of what is missing, and comes in one stream at ${speedText(largest.bytesPerSec)}.`,
    share,
  );
}

function sharedLink({ pull, others, nodeBytesPerSec, node, now }: CauseFacts): PullCause | undefined {
  const sharing = others.filter((other) => other.bytesPerSec > 0);
  const total = Math.max(nodeBytesPerSec, pull.bytesPerSec);
  if (sharing.length === 0 || pull.bytesPerSec <= 0 || node.link === undefined) return undefined;
  const share = pull.bytesPerSec / total;
  if (share > largePart || total < fadedBest(node.link, now) * fullPart) return undefined;
  return pullCause(
    "shared-link",
    `${countText(sharing.length + 1, "pull")} share this node's link: this one gets ${speedText(pull.bytesPerSec)} of ${speedText(total)} (${shareText(share)}).`,
    share,
  );
}

function slowSource({ pull, nodeBytesPerSec, node, registry, now }: CauseFacts): PullCause | undefined {
  if (node.link === undefined || node.link.learnedMs < learnedEnoughMs || pull.bytesPerSec <= 0) return undefined;
  const best = fadedBest(node.link, now);
  const total = Math.max(nodeBytesPerSec, pull.bytesPerSec);
  if (total >= best * slowPart) return undefined;
  const share = total / best;
  const numbers = `${speedText(total)}, ${shareText(share)} of the ${speedText(best)} that this node reached lately`;
  if (registry.slow > 0 && registry.slow * 2 > registry.nodes) {
    return pullCause(
      "registry",
      `${registry.host} sends slowly: ${numbers}; so it does to ${registry.slow} of ${countText(registry.nodes, "other node")} that ${registry.nodes === 1 ? "downloads" : "download"} from it.`,
      share,
    );
  }
  return pullCause("link", `Downloads are slow here: ${numbers}.`, share);
}

function unpacking(facts: CauseFacts): PullCause | undefined {
  const { pull, now } = facts;
  const there = lastArrival(pull.layers);
  const layer = pull.layers.find(({ phase }) => phase !== "done" && phase !== "cached");
  if (there === undefined || layer === undefined) return undefined;
  const whole = now - Date.parse(pull.startedAt);
  const took = Math.min(whole, Math.max(0, now - there));
  if (whole <= 0 || took * 4 < whole) return undefined;
  const share = took / whole;
  const begun = unpackingSince(pull);
  const one = begun === undefined ? "" : `, now a layer of ${sizeText(layer.totalBytes)}`;
  const disk = slowDisk(facts, layer, begun === undefined ? 0 : now - begun.since);
  return pullCause(
    disk === undefined ? "unpack" : "slow-disk",
    `All is downloaded; unpacking has taken ${durationText(took / 1_000)} of ${durationText(whole / 1_000)} so far${one}.${disk === undefined ? "" : ` ${disk}`}`,
    share,
  );
}

/** A layer that unpacks for so long, and so many times longer than foretold, is held back. */
const longUnpackMs = 10_000;
const longUnpackTimes = 3;

/** How much more slowly the node unpacks than others, or than it did lately itself; undefined when it does not. */
function slowDisk({ node, fleet }: CauseFacts, layer: LayerStatus, unpackingMs: number): string | undefined {
  const codec = codecOf(layer.mediaType);
  const own = unpackSpeed(node, codec);
  const others = unpackSpeed(fleet, codec);
  if (own !== undefined && others !== undefined && own * 2 < others) {
    return `The disk or processor of this node is slow: it unpacks at ${speedText(own)}, the average node at ${speedText(others)}.`;
  }
  const usual = own ?? others;
  if (usual === undefined || layer.totalBytes <= 0 || unpackingMs < longUnpackMs) return undefined;
  const expected = (layer.totalBytes * 1_000) / usual;
  if (unpackingMs < expected * longUnpackTimes) return undefined;
  const who = own === undefined ? "other nodes unpack it" : "this node unpacked lately";
  return `The disk or processor of this node is slow: that layer has taken ${durationText(unpackingMs / 1_000)}, at the ${speedText(usual)} that ${who} it would be ${durationText(Math.max(1, expected / 1_000))}.`;
}

/** What took most of a finished pull's time, if one thing did. */
function causeOfDone(facts: CauseFacts): PullCause | undefined {
  const { pull } = facts;
  const start = Date.parse(pull.startedAt);
  const whole = Date.parse(pull.completedAt ?? pull.startedAt) - start;
  const fetched = pull.layers.filter((layer) => !layer.cached);
  const there = lastArrival(fetched);
  if (whole < youngMs || there === undefined) return undefined;
  const tail = whole - Math.max(0, there - start);
  // Only where an arrival was told apart from the end can unpacking be told from downloading.
  if (fetched.some((layer) => layer.downloadedAt !== undefined) && tail * 2 >= whole) {
    const share = Math.min(1, tail / whole);
    const [largest] = fetched.toSorted((a, b) => b.totalBytes - a.totalBytes);
    const disk = largest === undefined ? undefined : slowDisk(facts, largest, 0);
    return pullCause(
      disk === undefined ? "unpack" : "slow-disk",
      `Unpacking took ${shareText(share)} of the time (${durationText(tail / 1_000)} of ${durationText(whole / 1_000)}).${disk === undefined ? "" : ` ${disk}`}`,
      share,
    );
  }
  const byArrival = fetched.toSorted((a, b) => (arrivalOf(b) ?? 0) - (arrivalOf(a) ?? 0));
  const [last, before] = byArrival;
  if (last === undefined || before === undefined) return undefined;
  const alone = there - Math.max(arrivalOf(before) ?? start, Date.parse(last.startedAt));
  if (alone * 2 < whole) return undefined;
  const share = Math.min(1, alone / whole);
  return pullCause(
    "one-layer",
    `One layer of ${sizeText(last.totalBytes)} was downloaded alone for ${durationText(alone / 1_000)} of ${durationText(whole / 1_000)}.`,
    share,
  );
}

function arrivalOf(layer: LayerStatus): number | undefined {
  const text = layer.downloadedAt ?? layer.completedAt;
  return text === undefined ? undefined : Date.parse(text);
}

/** When the last layer was there; undefined while one is missing. */
function lastArrival(layers: readonly LayerStatus[]): number | undefined {
  let last: number | undefined;
  for (const layer of layers) {
    if (layer.cached) continue;
    const at = arrivalOf(layer);
    if (at === undefined) return undefined;
    last = Math.max(last ?? at, at);
  }
  return last;
}
