import type { NodeState, TrackedPull } from "./node.ts";
import { addSample, spanOf, speedOf, type SpeedWindow } from "./speed.ts";

/** containerd writes pieces of 1 MiB, so that a node's speed shows over a longer time only, a slow one's over longer. */
const spansMs = [20_000, 90_000] as const;
const longestSpanMs = 300_000;
const shortestMs = 2_000;
const manyPieces = 8 * 1024 * 1024;

/** The shortest time in which many pieces came. */
function arrivalSpanMs(arrival: SpeedWindow, now: number): number {
  const bytes = arrival.at(-1)?.bytes ?? 0;
  return (
    spansMs.find((span) => bytes - (arrival.find(({ at }) => now - at <= span)?.bytes ?? bytes) >= manyPieces) ??
    longestSpanMs
  );
}

/** @param arrivedBytes all that arrived on the node so far. */
export function addArrival(arrival: SpeedWindow, now: number, arrivedBytes: number): SpeedWindow {
  return addSample(arrival, now, arrivedBytes, arrivalSpanMs(arrival, now));
}

/** How many of the usual pauses between two pieces may pass before silence counts as slowness. */
const patientPauses = 1.5;

export interface Arrival {
  /** Bytes per second that arrive on the node; 0 until it was seen for two seconds. */
  readonly bytesPerSec: number;
  /** Milliseconds since the last piece: what came since then is on the node and not yet written. */
  readonly unseenMs: number;
}

/**
 * Measured from piece to piece. From moment to moment a slow link would seem to lose speed until the next piece comes,
 * and then to leap.
 */
export function arrivalOf(arrival: SpeedWindow): Arrival {
  const grown = arrival.filter(({ bytes }, index) => index === 0 || bytes > (arrival[index - 1]?.bytes ?? 0));
  const last = arrival.at(-1);
  const newest = grown.at(-1);
  // The window itself may begin between two pieces.
  const oldest = grown.length > 2 ? grown[1] : grown[0];
  if (last === undefined || oldest === undefined || newest === undefined || spanOf(arrival) < shortestMs) {
    return { bytesPerSec: 0, unseenMs: 0 };
  }
  const unseenMs = last.at - newest.at;
  const spanMs = newest.at - oldest.at;
  const pauses = grown.length - grown.indexOf(oldest) - 1;
  const late = pauses === 0 || unseenMs > (patientPauses * spanMs) / pauses;
  return late || spanMs < shortestMs
    ? { bytesPerSec: speedOf(arrival), unseenMs: 0 }
    : { bytesPerSec: speedOf([oldest, newest]), unseenMs };
}

/** Shared layers are downloaded once, however many pulls wait for them: the most any pull saw of each, less what was there. */
export function arrivedIn(
  previous: NodeState,
  merged: readonly TrackedPull[],
  counts: (pull: TrackedPull) => boolean,
): number {
  const arrived = new Map<string, number>();
  let there: ReadonlyMap<string, number> | undefined;
  for (const pull of merged) {
    if (!counts(pull)) continue;
    const before = previous.running.get(pull.key);
    for (const [digest, layer] of pull.layers) {
      if (layer.transferredBytes === (before?.layers.get(digest)?.transferredBytes ?? 0)) continue;
      there ??= downloadedIn(previous);
      const came = layer.status.downloadedBytes - (there.get(digest) ?? 0);
      arrived.set(digest, Math.max(arrived.get(digest) ?? 0, came));
    }
  }
  let sum = 0;
  for (const bytes of arrived.values()) sum += bytes;
  return Math.min(Number.MAX_SAFE_INTEGER, sum);
}

/** Bytes of each layer that any running pull saw arrive. */
function downloadedIn(node: NodeState): ReadonlyMap<string, number> {
  const bytes = new Map<string, number>();
  for (const pull of node.running.values()) {
    for (const [digest, { status }] of pull.layers) {
      if (!status.cached) bytes.set(digest, Math.max(bytes.get(digest) ?? 0, status.downloadedBytes));
    }
  }
  return bytes;
}
