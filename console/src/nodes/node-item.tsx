/* oxlint-disable jsx-a11y/prefer-tag-over-role -- the rows of a virtual list are positioned, which a <table> cannot do */
import { Link } from "@tanstack/react-router";
import { formatAge, formatInstant, formatSpeed } from "../format/index.ts";
import { SparklineGraphic } from "../graphics/index.ts";
import type { NodeRow } from "./node-rows.ts";

interface NodeItemProps {
  readonly row: NodeRow;
  /** Bytes per second, one value per second, oldest first. */
  readonly speeds: readonly number[];
  /** The server's clock, ms. */
  readonly now: number;
  readonly rowIndex: number;
  readonly kiosk: true | undefined;
}

/** Below this a report is called fresh (s): the list of nodes itself is asked for only every few seconds. */
const freshSeconds = 10;

export function NodeItem({ row, speeds, now, rowIndex, kiosk }: NodeItemProps) {
  const { node, activePulls, failedPulls } = row;
  const heard = (now - Date.parse(node.lastReportAt)) / 1000;
  return (
    <div
      role="row"
      className={node.reporting ? "row" : "row row-silent"}
      aria-rowindex={rowIndex}
      data-node={node.nodeName}
      data-row={node.nodeName}
    >
      <div role="rowheader" className="cell cell-node">
        <Link
          to="/"
          search={{ node: node.nodeName, ...(kiosk === undefined ? {} : { kiosk }) }}
          className="row-toggle line"
          title={`Pulls of ${node.nodeName}`}
        >
          {node.nodeName}
        </Link>
      </div>
      <div role="cell" className="cell cell-speed">
        <span className={activePulls === 0 ? "figure quiet" : "figure"}>
          {activePulls === 0 ? "–" : node.reporting ? formatSpeed(row.bytesPerSec) : "unknown"}
        </span>
        <SparklineGraphic values={speeds} slots={40} />
      </div>
      <div role="cell" className="cell cell-active">
        <span className={activePulls === 0 ? "quiet" : ""}>
          {activePulls === 0 ? "none" : activePulls.toLocaleString("en")}
          <span className="unit"> active</span>
        </span>
        {failedPulls > 0 ? <span className="failed-count">{`${failedPulls} failed`}</span> : null}
      </div>
      <div role="cell" className="cell cell-agent quiet">
        {node.agentVersion ?? "unknown version"}
      </div>
      <div role="cell" className="cell cell-report" title={formatInstant(node.lastReportAt)}>
        {node.reporting ? (
          <span className="quiet">{heard < freshSeconds ? "just now" : `${formatAge(heard)} ago`}</span>
        ) : (
          <span className="silent">
            <svg className="phase-shape" viewBox="0 0 12 12" aria-hidden="true">
              <path d="M2.6 2.6l6.8 6.8M9.4 2.6 2.6 9.4" />
            </svg>
            {`silent for ${formatAge(heard)}`}
          </span>
        )}
      </div>
    </div>
  );
}
