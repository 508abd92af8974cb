import type { EstimateBasis, LayerPhase, LayerStatus, PullStatus } from "../contract/index.ts";
import { codecOf, expectedLink, expectedUnpack, weakest, type KnownSpeed, type Speeds } from "./speeds.ts";

export interface Estimate {
  readonly milliseconds: number;
  readonly basis: EstimateBasis;
}

export interface NodeWork {
  /** The running pulls of one node: they share its link, and a layer that several need comes once. */
  readonly pulls: readonly PullStatus[];
  /** Bytes per second that arrive on the node now; 0 when unknown. */
  readonly bytesPerSec: number;
  /** Milliseconds since a piece was last written: what came since then is not among the downloaded bytes yet. */
  readonly unseenMs?: number;
  readonly node: Speeds;
  readonly fleet: Speeds;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** How many layers of one image containerd downloads at a time unless told otherwise (`max_concurrent_downloads`). */
const slotsPerPull = 3;
/** Beyond this many missing layers on a node, the order in which they come is not played through. */
const mostPlayed = 400;
/** From the last layer to the image record, and until an agent that looks once a second tells it. */
const finishMs = 700;
/** A speed of 0 says something once a download is as old as the window that speeds are measured over. */
const speedWindowMs = 20_000;
/** How many times the usual speed, or which part of it, counts as one that has changed: ends told at it were off far more. */
const swing = 1.5;
const longestMs = 7 * 24 * 3600 * 1000;

/**
 * When each pull of a node will be over, unpacking included. Pulls of which a size is unknown, for which no speed was
 * ever seen, or that stand still get no estimate.
 *
 * Downloads are played forward: the node's speed is shared by the layers that download, three of each pull at a time;
 * when one ends the others get its part. Layers unpack one after the other in the order of the manifest, each when it
 * is there and the one below it is done, with the speed learned for its compression.
 */
export function timesLeft(work: NodeWork): ReadonlyMap<string, Estimate> {
  const estimates = new Map<string, Estimate>();
  const known = work.pulls.filter(
    ({ phase, totalKnown }) => totalKnown && (phase === "downloading" || phase === "unpacking"),
  );
  if (known.length === 0) return estimates;
  const link: KnownSpeed =
    work.bytesPerSec > 0
      ? { bytesPerSec: work.bytesPerSec, basis: isSteady(work) ? "measured" : "node" }
      : expectedLink(work.node, work.fleet);
  const still = work.bytesPerSec <= 0 && standsStill(work);
  const arrivals = arrivalsOf(work.pulls, link.bytesPerSec, work.unseenMs ?? 0);
  for (const pull of known) {
    const downloads = pull.layers.some((layer) => !isThere(layer.phase));
    if (downloads && (link.basis === "typical" || still)) continue;
    const estimate = estimateOf(pull, arrivals, work);
    if (!Number.isFinite(estimate.milliseconds) || estimate.milliseconds > longestMs) continue;
    estimates.set(pull.id, {
      milliseconds: estimate.milliseconds,
      basis: downloads ? weakest(link.basis, estimate.basis) : estimate.basis,
    });
  }
  return estimates;
}

/** A speed that is far from the node's usual one has changed of late, and may do so again. */
function isSteady({ bytesPerSec, node: { link } }: NodeWork): boolean {
  return link === undefined || (bytesPerSec * swing > link.usual && bytesPerSec < link.usual * swing);
}

export function isThere(phase: LayerPhase): boolean {
  return phase === "downloaded" || phase === "unpacking" || phase === "done" || phase === "cached";
}

export function missingBytes(layer: LayerStatus): number {
  return isThere(layer.phase) ? 0 : Math.max(0, layer.totalBytes - layer.downloadedBytes);
}

/** A download that has begun brings nothing any more: what the node did earlier says nothing about it. */
function standsStill({ pulls, now }: NodeWork): boolean {
  return pulls.some(({ layers }) =>
    layers.some(
      ({ phase, downloadedBytes, startedAt }) =>
        phase === "downloading" && downloadedBytes > 0 && now - Date.parse(startedAt) >= speedWindowMs,
    ),
  );
}

/** A layer that is still to come. */
interface Missing {
  readonly digest: string;
  /** Bytes. */
  left: number;
  /** The last step of the play in which it was downloaded. */
  step: number;
  arrived: boolean;
}

/** Milliseconds from now until each missing layer is there, by digest. */
function arrivalsOf(pulls: readonly PullStatus[], bytesPerSec: number, unseenMs: number): ReadonlyMap<string, number> {
  const missing = new Map<string, Missing>();
  const queues: Missing[][] = [];
  let queued = 0;
  for (const pull of pulls) {
    if (pull.phase !== "downloading" && pull.phase !== "resolving") continue;
    const downloading: Missing[] = [];
    const waiting: Missing[] = [];
    for (const layer of pull.layers) {
      if (isThere(layer.phase)) continue;
      const bytes = missingBytes(layer);
      const known = missing.get(layer.digest);
      const own = known ?? { digest: layer.digest, left: bytes, step: 0, arrived: false };
      if (known === undefined) missing.set(layer.digest, own);
      own.left = Math.min(own.left, bytes);
      (layer.phase === "downloading" ? downloading : waiting).push(own);
    }
    // What downloads already goes on; the others follow in their order.
    const queue = downloading.concat(waiting);
    if (queue.length > 0) queues.push(queue);
    queued += queue.length;
  }
  return queued > mostPlayed
    ? together(missing.values(), bytesPerSec, unseenMs)
    : played(queues, missing.size, bytesPerSec, unseenMs);
}

/** All arrive at the end. */
function together(layers: Iterable<Missing>, bytesPerSec: number, unseenMs: number): ReadonlyMap<string, number> {
  const all = [...layers];
  const bytes = all.reduce((sum, { left }) => sum + left, 0);
  const time = Math.max(0, (bytes * 1_000) / bytesPerSec - unseenMs);
  return new Map(all.map(({ digest }) => [digest, time]));
}

/** Step by step, from one layer's arrival to the next. */
function played(
  queues: readonly (readonly Missing[])[],
  count: number,
  bytesPerSec: number,
  unseenMs: number,
): ReadonlyMap<string, number> {
  const arrivals = new Map<string, number>();
  const active: Missing[] = [];
  let time = -unseenMs;
  for (let step = 1; arrivals.size < count; step += 1) {
    active.length = 0;
    let least = Number.POSITIVE_INFINITY;
    for (const queue of queues) {
      let slots = slotsPerPull;
      for (const layer of queue) {
        if (layer.arrived) continue;
        if (layer.step !== step) active.push(layer);
        layer.step = step;
        least = Math.min(least, layer.left);
        slots -= 1;
        if (slots === 0) break;
      }
    }
    time += (least * active.length * 1_000) / bytesPerSec;
    for (const layer of active) {
      layer.left -= least;
      if (layer.left > 0) continue;
      layer.arrived = true;
      arrivals.set(layer.digest, Math.max(0, time));
    }
  }
  return arrivals;
}

function estimateOf(pull: PullStatus, arrivals: ReadonlyMap<string, number>, work: NodeWork): Estimate {
  let lastArrival = 0;
  let unpacked = 0;
  let basis: EstimateBasis = "measured";
  const begun = unpackingSince(pull);
  for (const layer of pull.layers) {
    if (layer.phase === "done" || layer.phase === "cached") continue;
    const arrival = arrivals.get(layer.digest) ?? 0;
    lastArrival = Math.max(lastArrival, arrival);
    const speed = expectedUnpack(work.node, work.fleet, codecOf(layer.mediaType));
    const whole = (layer.totalBytes * 1_000) / speed.bytesPerSec;
    const elapsed = layer === begun?.layer ? Math.max(0, work.now - begun.since) : 0;
    // One that takes longer than expected: a quarter of its time so far, as nothing tells how far it is.
    const remaining = elapsed < whole ? Math.max(whole - elapsed, elapsed / 4) : elapsed / 4;
    unpacked = Math.max(unpacked, arrival) + remaining;
    basis = weakest(basis, speed.basis);
  }
  const milliseconds = Math.max(unpacked, lastArrival) + finishMs;
  const tail = unpacked - lastArrival;
  // Unpacking that is hardly felt does not make the estimate weaker.
  return { milliseconds, basis: tail * 5 >= milliseconds ? basis : "measured" };
}

/** The layer that unpacks now, and since when (milliseconds since 1970), as far as its times tell. */
export function unpackingSince(pull: PullStatus): { readonly layer: LayerStatus; readonly since: number } | undefined {
  // Everything below it is done: containerd may show an unpacking while the layer waits for those.
  const layer = pull.layers.find(({ phase }) => phase !== "done" && phase !== "cached");
  const seen = layer?.unpackingAt ?? layer?.downloadedAt;
  if (layer?.phase !== "unpacking" || seen === undefined) return undefined;
  const below = pull.layers.flatMap((one) =>
    one.phase === "done" && one.completedAt !== undefined ? [Date.parse(one.completedAt)] : [],
  );
  return { layer, since: below.reduce((last, at) => Math.max(last, at), Date.parse(seen)) };
}

/** Differences that nobody would notice do not move an end that was told, so that time alone tells no news. */
export function steadyEnd(before: number | undefined, next: number, now: number): number {
  if (before === undefined || before <= now) return next;
  const unnoticed = Math.max(1_000, (next - now) * 0.1);
  return Math.abs(next - before) <= unnoticed ? before : next;
}
