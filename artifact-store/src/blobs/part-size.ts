const MiB = 1024 * 1024;

/** S3's limits: no part but the last may be smaller, and there may be no more parts ("Multipart upload limits"). */
export const smallestPartBytes = 5 * MiB;
export const mostParts = 10_000;

/**
 * How large the part of this number (from 1) is to be. Small ones first, because most blobs are small and a part is what
 * must be sent again; larger ones later, because there are only so many numbers: 1.7 TiB fit.
 */
export function partBytes(number: number): number {
  if (number <= 1000) return 8 * MiB;
  return number <= 4000 ? 64 * MiB : 256 * MiB;
}

/**
 * From so many bytes on, what is gathered at a boundary becomes a part, although it could be larger; less is kept beside
 * the parts and written anew at the next boundary.
 */
export function boundaryPartBytes(number: number): number {
  return Math.max(smallestPartBytes, partBytes(number) / 4);
}
