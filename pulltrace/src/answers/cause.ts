import type { LayerStatus, PullCause, PullStatus } from "../contract/index.ts";
import { codecOf, fadedBest, unpackSpeed, type Speeds } from "./speeds.ts";
import { isThere, missingBytes, unpackingSince } from "./time-left.ts";
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
  const { pull, now } = facts;
  if (pull.phase === "done") return causeOfDone(pull);
  if (now - Date.parse(pull.startedAt) < youngMs) return undefined;
  if (pull.phase === "unpacking") return unpacking(facts);
  if (pull.phase !== "downloading") return undefined;
  return otherPull(pull) ?? queue(facts) ?? stalled(facts) ?? oneLayer(pull) ?? sharedLink(facts) ?? slowSource(facts);
}

function otherPull(pull: PullStatus): PullCause | undefined {
  const missing = sum(pull.layers.map(missingBytes));
  const waiting = pull.layers.filter((layer) => layer.waitsFor !== undefined && missingBytes(layer) > 0);
  const bytes = sum(waiting.map(missingBytes));
  if (missing === 0 || bytes * 2 < missing) return undefined;
  const share = bytes / missing;
  const names = new Set(waiting.map((layer) => layer.waitsFor?.imageRef));
  const [name] = names;
  const who = names.size === 1 && name !== undefined ? shortName(name) : "another pull of this node";
  return cause(
    "other-pull",
    `Waits for ${countText(waiting.length, "layer")} (${sizeText(bytes)}) that ${names.size > 1 ? "other pulls of this node are" : `${who} is`} downloading: ${shareText(share)} of what is missing.`,
    share,
  );
}

function queue({ pull, others }: CauseFacts): PullCause | undefined {
  const missing = pull.layers.filter((layer) => !isThere(layer.phase));
  if (missing.length === 0 || missing.some((layer) => layer.phase !== "waiting" || layer.waitsFor !== undefined)) {
    return undefined;
  }
  const busy = others.filter((other) => other.layers.some((layer) => layer.phase === "downloading"));
  if (busy.length === 0) return undefined;
  const layers = new Set(
    busy.flatMap((other) => other.layers.filter(({ phase }) => phase === "downloading").map(({ digest }) => digest)),
  );
  const which = `${countText(missing.length, "missing layer")} ${missing.length === 1 ? "waits" : "wait"}`;
  return cause(
    "queue",
    `None of its layers downloads: ${which} in the queue while ${countText(layers.size, "layer")} of ${countText(busy.length, "other pull")} of this node ${layers.size === 1 ? "downloads" : "download"}.`,
  );
}

function stalled({ pull, movedAt, now }: CauseFacts): PullCause | undefined {
  const still = now - movedAt;
  if (pull.bytesPerSec > 0 || still < stalledMs || !pull.layers.some(({ phase }) => phase === "downloading")) {
    return undefined;
  }
  return cause("stalled", `No data has arrived for ${durationText(still / 1_000)}.`);
}

function oneLayer(pull: PullStatus): PullCause | undefined {
  const missing = sum(pull.layers.map(missingBytes));
  const [largest] = pull.layers.toSorted((a, b) => missingBytes(b) - missingBytes(a));
  if (!pull.totalKnown || largest === undefined || pull.layers.length < 2 || largest.phase !== "downloading") {
    return undefined;
  }
  const share = missing === 0 ? 0 : missingBytes(largest) / missing;
  // It is large by itself too: the last remainder of a small layer is no giant.
  if (share < largePart || largest.totalBytes * 2 < pull.totalBytes - pull.cachedBytes) return undefined;
  return cause(
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
  return cause(
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
    return cause(
      "registry",
      `${registry.host} sends slowly: ${numbers}; so it does to ${registry.slow} of ${countText(registry.nodes, "other node")} that ${registry.nodes === 1 ? "downloads" : "download"} from it.`,
      share,
    );
  }
  return cause("link", `Downloads are slow here: ${numbers}.`, share);
}

function unpacking({ pull, node, fleet, now }: CauseFacts): PullCause | undefined {
  const there = lastArrival(pull.layers);
  const layer = pull.layers.find(({ phase }) => phase !== "done" && phase !== "cached");
  if (there === undefined || layer === undefined) return undefined;
  const whole = now - Date.parse(pull.startedAt);
  const took = Math.min(whole, Math.max(0, now - there));
  if (whole <= 0 || took * 4 < whole) return undefined;
  const share = took / whole;
  const codec = codecOf(layer.mediaType);
  const own = unpackSpeed(node, codec);
  const others = unpackSpeed(fleet, codec);
  const slower =
    own !== undefined && others !== undefined && own * 2 < others
      ? ` This node unpacks at ${speedText(own)}, the average node at ${speedText(others)}.`
      : "";
  const since = unpackingSince(pull);
  const one = since === undefined ? "" : `, now a layer of ${sizeText(layer.totalBytes)}`;
  return cause(
    "unpack",
    `All is downloaded; unpacking has taken ${durationText(took / 1_000)} of ${durationText(whole / 1_000)} so far${one}.${slower}`,
    share,
  );
}

/** What took most of a finished pull's time, if one thing did. */
function causeOfDone(pull: PullStatus): PullCause | undefined {
  const start = Date.parse(pull.startedAt);
  const whole = Date.parse(pull.completedAt ?? pull.startedAt) - start;
  const fetched = pull.layers.filter((layer) => !layer.cached);
  const there = lastArrival(fetched);
  if (whole < youngMs || there === undefined) return undefined;
  const tail = whole - Math.max(0, there - start);
  // Only where an arrival was told apart from the end can unpacking be told from downloading.
  if (fetched.some((layer) => layer.downloadedAt !== undefined) && tail * 2 >= whole) {
    const share = Math.min(1, tail / whole);
    return cause(
      "unpack",
      `Unpacking took ${shareText(share)} of the time (${durationText(tail / 1_000)} of ${durationText(whole / 1_000)}).`,
      share,
    );
  }
  const byArrival = fetched.toSorted((a, b) => (arrivalOf(b) ?? 0) - (arrivalOf(a) ?? 0));
  const [last, before] = byArrival;
  if (last === undefined || before === undefined) return undefined;
  const alone = there - Math.max(arrivalOf(before) ?? start, Date.parse(last.startedAt));
  if (alone * 2 < whole) return undefined;
  const share = Math.min(1, alone / whole);
  return cause(
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

/** `repository:tag` without the registry, and with a digest cut short. */
function shortName(imageRef: string): string {
  const [name = imageRef, digest] = imageRef.split("@");
  const parts = name.split("/");
  const first = parts[0] ?? "";
  if (parts.length > 1 && (/[.:]/.test(first) || first === "localhost")) parts.shift();
  return digest === undefined ? parts.join("/") : `${parts.join("/")}@${digest.slice(0, 19)}`;
}

function cause(kind: PullCause["kind"], sentence: string, share?: number): PullCause {
  if (share === undefined) return { kind, sentence };
  return { kind, sentence, share: Math.round(Math.min(1, Math.max(0, share)) * 100) / 100 };
}

function sum(numbers: readonly number[]): number {
  let all = 0;
  for (const number of numbers) all += number;
  return all;
}
