/* oxlint-disable jsx-a11y/prefer-tag-over-role -- <progress> cannot be cut into layers */
import type { PullStatus } from "@waybill/pulltrace/contract";
import { memo } from "react";
import { formatBytes, shortImageName } from "../format/index.ts";
import { segmentsOf } from "./segments.ts";

/** One bar, cut into the image's layers in proportion to their sizes. */
export const LayerBar = memo(function LayerBar({ pull }: { pull: PullStatus }) {
  const segments = segmentsOf(pull);
  const percent = wholePercent(pull);
  return (
    <div
      className={`bar bar-${pull.phase}`}
      role="progressbar"
      aria-label={`Progress of ${shortImageName(pull.imageRef)} on ${pull.nodeName}`}
      aria-valuemin={0}
      aria-valuemax={100}
      {...(pull.totalKnown ? { "aria-valuenow": percent } : {})}
      aria-valuetext={progressText(pull)}
    >
      {segments.map((segment) => (
        <span key={segment.key} className={`segment segment-${segment.phase}`} style={{ flexGrow: segment.weight }}>
          <span className="segment-fill" style={{ transform: `scaleX(${segment.filled})` }} />
        </span>
      ))}
    </div>
  );
});

/** Rounded down: 100 stands only for what is complete. */
export function wholePercent(pull: PullStatus): number {
  return Math.floor(Math.min(100, Math.max(0, pull.percent)));
}

/** `34 %, 412 MiB of 1.21 GiB`, or what is known of it. */
function progressText(pull: PullStatus): string {
  if (!pull.totalKnown)
    return pull.downloadedBytes > 0 ? `${formatBytes(pull.downloadedBytes)}, size not known yet` : "size not known yet";
  return `${wholePercent(pull)} %, ${formatBytes(pull.downloadedBytes)} of ${formatBytes(pull.totalBytes)}, ${pull.layersDone} of ${pull.layerCount} layers`;
}
