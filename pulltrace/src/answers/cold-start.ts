import type { ColdLayer, ColdStart, EstimateBasis, PullStatus } from "../contract/index.ts";
import { codecOf, expectedLink, expectedUnpack, weakest, type Speeds } from "./speeds.ts";
import { countText, durationText, shareText, sizeText, speedText } from "./wording.ts";

const heavyPart = 0.8;

/**
 * What the image takes on a node that has nothing of it and nothing else to do: all bytes at the link's usual speed,
 * and the layers unpacked in order while the later ones still come (a layer arrives when its bytes and those below it
 * did). Undefined while the image's sizes are not known.
 */
export function coldStartOf(pull: PullStatus, node: Speeds, fleet: Speeds): ColdStart | undefined {
  if (!pull.totalKnown || pull.layers.length === 0) return undefined;
  const link = expectedLink(node, fleet);
  let basis: EstimateBasis = link.basis;
  let arrived = 0;
  let unpacked = 0;
  const layers: Omit<ColdLayer, "share">[] = [];
  for (const { digest, mediaType, totalBytes } of pull.layers) {
    const speed = expectedUnpack(node, fleet, codecOf(mediaType));
    basis = weakest(basis, speed.basis);
    const download = totalBytes / link.bytesPerSec;
    const unpack = totalBytes / speed.bytesPerSec;
    arrived += download;
    unpacked = Math.max(unpacked, arrived) + unpack;
    layers.push({ digest, mediaType, totalBytes, seconds: download + unpack });
  }
  const all = layers.reduce((sum, { seconds }) => sum + seconds, 0);
  const shared = layers
    .map((layer) => ({ ...layer, seconds: rounded(layer.seconds), share: all === 0 ? 0 : layer.seconds / all }))
    .toSorted((a, b) => b.share - a.share);
  let heaviest = 0;
  let share = 0;
  while (heaviest < shared.length && share < heavyPart) share += shared[heaviest++]?.share ?? 0;
  const seconds = Math.ceil(Math.max(arrived, unpacked));
  const downloadSeconds = Math.min(seconds, Math.round(arrived));
  const { totalBytes } = pull;
  return {
    imageRef: pull.imageRef,
    totalBytes,
    seconds,
    downloadSeconds,
    unpackSeconds: seconds - downloadSeconds,
    bytesPerSec: Math.round(link.bytesPerSec),
    basis,
    sentence: sentenceOf({ seconds, totalBytes, bytesPerSec: link.bytesPerSec, heaviest, share, of: shared.length }),
    heaviest,
    layers: shared.map((layer) => ({ ...layer, share: Math.round(layer.share * 1_000) / 1_000 })),
  };
}

function sentenceOf(o: {
  readonly seconds: number;
  readonly totalBytes: number;
  readonly bytesPerSec: number;
  readonly heaviest: number;
  readonly share: number;
  readonly of: number;
}): string {
  const total = `On a cold node this image takes about ${durationText(o.seconds)}: ${sizeText(o.totalBytes)} at ${speedText(o.bytesPerSec)}, and unpacking`;
  // "All 4 layers are 100 %" would say nothing.
  if (o.heaviest === 0 || o.heaviest === o.of) return `${total}.`;
  return `${total}; ${countText(o.heaviest, "layer")} of ${o.of} ${o.heaviest === 1 ? "is" : "are"} ${shareText(o.share)} of it.`;
}

function rounded(seconds: number): number {
  return Math.round(seconds * 10) / 10;
}
