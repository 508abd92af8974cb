import type { EstimateBasis } from "../contract/index.ts";

/** How a layer is packed decides how fast it unpacks. A fixed set: nothing that agents send adds to it. */
export type Codec = "gzip" | "zstd" | "none" | "other";

export function codecOf(mediaType: string): Codec {
  if (/[.+]gzip$/.test(mediaType)) return "gzip";
  if (mediaType.endsWith("+zstd")) return "zstd";
  return mediaType.endsWith(".tar") ? "none" : "other";
}

/** What was learned of one node, or of all of them together. Plain data of fixed size, never changed in place. */
export interface Speeds {
  /** Of the whole node's downloads. */
  readonly link?: LinkSpeed;
  readonly unpack: Readonly<Partial<Record<Codec, UnpackSpeed>>>;
}

export interface LinkSpeed {
  /** Bytes per second: the average over the last minute or so of downloading. */
  readonly usual: number;
  /** Bytes per second: the best of late, which fades to half in half an hour. */
  readonly best: number;
  /** Milliseconds of downloading that this was learned from; counted up to ten minutes. */
  readonly learnedMs: number;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** Sums whose weight fades with each layer, so that their quotient is a speed and small layers count little. */
export interface UnpackSpeed {
  /** Compressed bytes. */
  readonly bytes: number;
  readonly milliseconds: number;
}

export const nothingLearned: Speeds = { unpack: {} };

const averageOverMs = 60_000;
const bestHalvesInMs = 30 * 60_000;
const mostLearnedMs = 10 * 60_000;
const longestStepMs = 15_000;
const unpackFades = 0.85;
/** Compressed bytes per second that common hardware reaches; where nothing was seen yet. */
const typicalUnpack: Readonly<Record<Codec, number>> = { gzip: 60e6, zstd: 150e6, none: 250e6, other: 60e6 };
const typicalLink = 25e6;

/** The node downloaded at `bytesPerSec` for the last `elapsedMs`. Standstill and idling teach nothing. */
export function learnLink(speeds: Speeds, bytesPerSec: number, elapsedMs: number, now: number): Speeds {
  if (!(bytesPerSec > 0) || !(elapsedMs > 0)) return speeds;
  const before = speeds.link;
  const step = Math.min(elapsedMs, longestStepMs);
  if (before === undefined)
    return { ...speeds, link: { usual: bytesPerSec, best: bytesPerSec, learnedMs: step, at: now } };
  // The first seconds are a plain average, or the very first sample would weigh for a minute.
  const weight = Math.max(1 - Math.exp(-step / averageOverMs), step / (before.learnedMs + step));
  const usual = before.usual + (bytesPerSec - before.usual) * weight;
  const best = Math.max(bytesPerSec, fadedBest(before, now));
  return {
    ...speeds,
    link: { usual, best, learnedMs: Math.min(mostLearnedMs, before.learnedMs + step), at: now },
  };
}

/** The best speed of late, as of `now`: never below the usual one. */
export function fadedBest(link: LinkSpeed, now: number): number {
  return Math.max(link.usual, link.best * 2 ** (-Math.max(0, now - link.at) / bestHalvesInMs));
}

/** Layers of `bytes` (compressed) were unpacked in `milliseconds`. */
export function learnUnpack(speeds: Speeds, codec: Codec, bytes: number, milliseconds: number): Speeds {
  if (!(bytes > 0) || !(milliseconds > 0)) return speeds;
  const before = speeds.unpack[codec] ?? { bytes: 0, milliseconds: 0 };
  const learned = {
    bytes: Math.min(Number.MAX_SAFE_INTEGER, before.bytes * unpackFades + bytes),
    milliseconds: before.milliseconds * unpackFades + milliseconds,
  };
  return { ...speeds, unpack: { ...speeds.unpack, [codec]: learned } };
}

/** Compressed bytes per second that were learned; undefined when nothing was. */
export function unpackSpeed(speeds: Speeds, codec: Codec): number | undefined {
  const learned = speeds.unpack[codec];
  return learned === undefined ? undefined : (learned.bytes * 1_000) / learned.milliseconds;
}

/** A speed and what it rests on. */
export interface KnownSpeed {
  /** Bytes per second, above 0. */
  readonly bytesPerSec: number;
  readonly basis: EstimateBasis;
}

export function expectedUnpack(node: Speeds, fleet: Speeds, codec: Codec): KnownSpeed {
  const own = unpackSpeed(node, codec);
  if (own !== undefined) return { bytesPerSec: own, basis: "node" };
  const others = unpackSpeed(fleet, codec);
  if (others !== undefined) return { bytesPerSec: others, basis: "fleet" };
  return { bytesPerSec: typicalUnpack[codec], basis: "typical" };
}

/** What a node's link is expected to bring when it downloads nothing at the moment. */
export function expectedLink(node: Speeds, fleet: Speeds): KnownSpeed {
  if (node.link !== undefined) return { bytesPerSec: node.link.usual, basis: "node" };
  if (fleet.link !== undefined) return { bytesPerSec: fleet.link.usual, basis: "fleet" };
  return { bytesPerSec: typicalLink, basis: "typical" };
}

const order: readonly EstimateBasis[] = ["measured", "node", "fleet", "typical"];

export function weakest(one: EstimateBasis, other: EstimateBasis): EstimateBasis {
  return order.indexOf(one) >= order.indexOf(other) ? one : other;
}
