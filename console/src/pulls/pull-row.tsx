/* oxlint-disable jsx-a11y/prefer-tag-over-role -- the rows of a virtual list are positioned, which a <table> cannot do */
import { isFailing, isOver, type PullStatus } from "@waybill/pulltrace/contract";
import { memo } from "react";
import { formatAge, formatBytes, formatInstant, formatSpeed } from "../format/index.ts";
import { PhaseMark, SparklineGraphic } from "../graphics/index.ts";
import type { PullEntry } from "../live/index.ts";
import { detailId, ImageName } from "./image-name.tsx";
import { LayerBar, wholePercent } from "./layer-bar.tsx";

import type { TimeLeft } from "./time-left.ts";
import { WaitingPods } from "./waiting-pods.tsx";

export interface PullRowProps {
  readonly entry: PullEntry;
  readonly left: TimeLeft;
  /** Seconds since the pull began. */
  readonly age: number;
  readonly open: boolean;
  /** It came in within the last moments. */
  readonly fresh: boolean;
  /** Position in the whole table, the header being 1. */
  readonly rowIndex: number;
}

export const PullRow = memo(function PullRow({ entry, left, age, open, fresh, rowIndex }: PullRowProps) {
  const { pull } = entry;
  const over = isOver(pull);
  const classes = ["row", over ? "row-finished" : "", fresh ? "row-fresh" : "", open ? "row-open" : ""];
  return (
    <div role="row" className={classes.join(" ")} aria-rowindex={rowIndex} data-pull={pull.id} data-row={pull.id}>
      <div role="cell" className="cell cell-image">
        <ImageName
          imageRef={pull.imageRef}
          manifestDigest={pull.manifestDigest}
          recording={pull.recording === true}
          open={open}
          controls={detailId(pull.id)}
        />
      </div>
      <div role="cell" className="cell cell-node">
        <span className="line">{pull.nodeName}</span>
        {pull.tenant === undefined ? null : <span className="line quiet">{pull.tenant}</span>}
      </div>
      <div role="cell" className="cell cell-phase">
        <PhaseMark phase={pull.phase} />
      </div>
      <div role="cell" className="cell cell-progress">
        {standsStill(pull) ? (
          <Reason pull={pull} />
        ) : (
          <>
            <LayerBar pull={pull} />
            <ProgressFigures entry={entry} />
          </>
        )}
      </div>
      <div role="cell" className="cell cell-speed">
        {pull.phase === "downloading" ? (
          <>
            <span className="figure">{formatSpeed(pull.bytesPerSec)}</span>
            <SparklineGraphic values={entry.speeds} slots={24} />
          </>
        ) : (
          <span className="quiet">–</span>
        )}
      </div>
      <div role="cell" className={left.known ? "cell cell-left" : "cell cell-left quiet"} title={left.text}>
        <span className="clamp">
          {unbroken(left.text)}
          {pull.attempts === undefined ? null : (
            <span className="quiet">{`, ${unbroken(`${pull.attempts} failed${isFailing(pull) ? "" : " before"}`)}`}</span>
          )}
        </span>
      </div>
      <div role="cell" className="cell cell-pods">
        <WaitingPods pods={pull.pods} over={over} />
      </div>
      <div role="cell" className="cell cell-age quiet" title={`began ${formatInstant(pull.startedAt)}`}>
        {formatAge(age)}
      </div>
    </div>
  );
});

/** There are no layers to draw: nothing has begun, or nothing came of it. */
function standsStill({ phase, layers }: PullStatus): boolean {
  return layers.length === 0 && (phase === "waiting" || phase === "failed" || phase === "cancelled");
}

/** Why it stands still, in the place of the bar. */
function Reason({ pull }: { pull: PullStatus }) {
  const text = pull.failure?.sentence ?? pull.error ?? pull.waitsFor?.sentence ?? "";
  const tone = pull.phase === "waiting" ? "quiet" : `error-line-${pull.phase}`;
  return (
    <span className={`reason clamp ${tone}`} title={pull.error ?? text}>
      {text}
    </span>
  );
}

/** A number is not left without its unit at the end of a line. */
function unbroken(text: string): string {
  return text.replaceAll(/(\d) (?=\p{L})/gu, "$1\u00A0");
}

function ProgressFigures({ entry }: { entry: PullEntry }) {
  const { pull } = entry;
  if (pull.phase === "done") {
    const cached = pull.cachedBytes > 0 ? `, ${formatBytes(pull.cachedBytes)} cached` : "";
    return <div className="progress-figures quiet">{`${formatBytes(pull.totalBytes)}${cached}`}</div>;
  }
  if (pull.error !== undefined) {
    return (
      <div className={`progress-figures error-line error-line-${pull.phase}`} title={pull.error}>
        {pull.failure?.sentence ?? pull.error}
      </div>
    );
  }
  if (!pull.totalKnown) {
    return <div className="progress-figures quiet">size not known yet</div>;
  }
  return (
    <div className="progress-figures quiet">
      <span className="percent">{wholePercent(pull)} %</span>
      <span>{`${formatBytes(pull.downloadedBytes)} of ${formatBytes(pull.totalBytes)}`}</span>
      <span className="layer-count">{`${pull.layersDone}/${pull.layerCount} layers`}</span>
    </div>
  );
}
