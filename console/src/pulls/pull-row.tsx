/* oxlint-disable jsx-a11y/prefer-tag-over-role -- the rows of a virtual list are positioned, which a <table> cannot do */
import { memo } from "react";
import {
  formatAge,
  formatBytes,
  formatInstant,
  formatSpeed,
  splitImageReference,
  shortDigest,
  shortImageName,
} from "../format/index.ts";
import { isFinished, type PullEntry } from "../live/index.ts";
import { LayerBar, wholePercent } from "./layer-bar.tsx";
import { PhaseMark } from "./phase-mark.tsx";
import { SparklineGraphic } from "./sparkline-graphic.tsx";
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

/** An id may hold anything; aria-controls cuts at spaces. */
export const detailId = (id: string): string => `detail-${id.replaceAll(/[^\w-]/g, "_")}`;

export const PullRow = memo(function PullRow({ entry, left, age, open, fresh, rowIndex }: PullRowProps) {
  const { pull } = entry;
  const finished = isFinished(pull);
  const classes = ["row", finished ? "row-finished" : "", fresh ? "row-fresh" : "", open ? "row-open" : ""];
  return (
    <div role="row" className={classes.join(" ")} aria-rowindex={rowIndex} data-pull={pull.id}>
      <div role="cell" className="cell cell-image">
        <ImageCell entry={entry} open={open} />
      </div>
      <div role="cell" className="cell cell-node">
        <span className="line">{pull.nodeName}</span>
        {pull.tenant === undefined ? null : <span className="line quiet">{pull.tenant}</span>}
      </div>
      <div role="cell" className="cell cell-phase">
        <PhaseMark phase={pull.phase} />
      </div>
      <div role="cell" className="cell cell-progress">
        <LayerBar pull={pull} />
        <ProgressFigures entry={entry} />
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
        <span className="clamp">{left.text}</span>
      </div>
      <div role="cell" className="cell cell-pods">
        <WaitingPods pods={pull.pods} />
      </div>
      <div role="cell" className="cell cell-age quiet" title={`began ${formatInstant(pull.startedAt)}`}>
        {formatAge(age)}
      </div>
    </div>
  );
});

function ImageCell({ entry, open }: { entry: PullEntry; open: boolean }) {
  const { pull } = entry;
  const name = splitImageReference(pull.imageRef);
  const digest = pull.manifestDigest ?? name.digest;
  return (
    <>
      <button
        type="button"
        className="row-toggle line"
        aria-label={shortImageName(pull.imageRef)}
        aria-expanded={open}
        {...(open ? { "aria-controls": detailId(pull.id) } : {})}
        title={digest === undefined ? pull.imageRef : `${pull.imageRef}\n${digest}`}
      >
        <svg className="chevron" viewBox="0 0 8 8" aria-hidden="true">
          <path d="M2.5 1l3 3-3 3" />
        </svg>
        <span className="repository">{name.repository}</span>
        {name.tag === undefined ? null : <span className="tag">:{name.tag}</span>}
        {name.tag === undefined && name.digest !== undefined ? (
          <span className="tag">@{shortDigest(name.digest)}</span>
        ) : null}
      </button>
      <span className="line registry quiet">
        {pull.recording === true ? <span className="recording-mark">recording</span> : null}
        {name.registry}
      </span>
    </>
  );
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
        {pull.error}
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
