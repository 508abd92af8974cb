/** How far, and how long still: the two figures that people believe, so they err on the side of saying less. */

const longestEtaSeconds = 7 * 24 * 3600;

/**
 * 0..99.9 with one digit, cut and not rounded; never below `previous`. 100 is not given here: it belongs to what is
 * complete, and a full byte count does not make it so.
 */
export function percentOf(downloadedBytes: number, totalBytes: number, totalKnown: boolean, previous: number): number {
  if (!totalKnown || totalBytes <= 0) return previous;
  return Math.max(previous, Math.min(99.9, Math.floor((downloadedBytes / totalBytes) * 1000) / 10));
}

/** Whole seconds until the last byte, or -1 when it cannot be said. */
export function etaOf(remainingBytes: number, bytesPerSec: number, totalKnown: boolean): number {
  if (!totalKnown) return -1;
  if (remainingBytes <= 0) return 0;
  if (bytesPerSec <= 0) return -1;
  const seconds = Math.ceil(remainingBytes / bytesPerSec);
  return seconds > longestEtaSeconds ? -1 : seconds;
}
