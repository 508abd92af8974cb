import type { NodeState, TrackedPull } from "./node.ts";
import { addSample, spanOf, speedOf, type SpeedWindow } from "./speed.ts";

/** containerd writes pieces of 1 MiB, so that a node's speed shows over a longer time only, a slow one's over longer. */
const arrivalMs = { usual: 20_000, slow: 90_000, shortest: 2_000 } as const;
const manyPieces = 8 * 1024 * 1024;

function arrivalSpanMs(arrival: SpeedWindow, now: number): number {
  const recent = arrival.find(({ at }) => now - at <= arrivalMs.usual);
  const last = arrival.at(-1);
  const bytes = recent === undefined || last === undefined ? 0 : last.bytes - recent.bytes;
  return bytes >= manyPieces ? arrivalMs.usual : arrivalMs.slow;
}

/** @param arrivedBytes all that arrived on the node so far. */
export function addArrival(arrival: SpeedWindow, now: number, arrivedBytes: number): SpeedWindow {
  return addSample(arrival, now, arrivedBytes, arrivalSpanMs(arrival, now));
}

/** Bytes per second that arrive on the node; 0 until it was seen for two seconds. */
export function arrivalSpeed(arrival: SpeedWindow): number {
  return spanOf(arrival) < arrivalMs.shortest ? 0 : speedOf(arrival);
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
