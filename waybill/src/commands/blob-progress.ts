import type { AuditProgress } from "@waybill/artifact-store";
import { progressOn } from "../terminal/index.ts";

/** A bar on standard error for work on all blobs of a store, whose sums are known from the start; none when it is to be quiet. */
export function blobProgress(
  what: string,
  quiet: boolean,
): { readonly tell: (at: AuditProgress) => void; readonly end: () => void } {
  const progress = quiet ? undefined : progressOn(process.stderr, what);
  let seen = { bytes: 0, blobs: 0 };
  return {
    tell(at) {
      if (seen.blobs === 0) progress?.expect(at.ofBytes, at.ofBlobs);
      progress?.advance(at.bytes - seen.bytes);
      for (let more = at.blobs - seen.blobs; more > 0; more--) progress?.fileDone();
      seen = at;
    },
    end: () => progress?.end(),
  };
}
