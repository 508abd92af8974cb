/* oxlint-disable jsx-a11y/prefer-tag-over-role -- the rows of a virtual list are positioned, which a <table> cannot do */
import type { PullStatus } from "@waybill/pulltrace/contract";
import { formatAge, formatInstant, formatSpeed, formatTimeLeft, shortImageName } from "../format/index.ts";
import { type Phase, PhaseShape } from "../graphics/index.ts";
import type { PullEntry } from "../live/index.ts";
import { shortCause } from "./advice.ts";
import type { ImageGroup, RollOut } from "./grouping.ts";
import { detailId, ImageName } from "./image-name.tsx";
import { wholePercent } from "./layer-bar.tsx";
import { holderOf, nextTry, timeLeft } from "./time-left.ts";
import { WaitingPods } from "./waiting-pods.tsx";

interface ImageRowProps {
  readonly group: ImageGroup;
  readonly rollOut: RollOut;
  readonly byNode: ReadonlyMap<string, readonly PullEntry[]>;
  readonly now: number;
  readonly knownUntil: number;
  readonly open: boolean;
  readonly rowIndex: number;
}

/** More nodes than this are counted by phase: no eye takes in so many marks. */
const mostMarks = 40;

export function ImageRow({ group, rollOut, byNode, now, knownUntil, open, rowIndex }: ImageRowProps) {
  const over = group.completedMs !== undefined;
  const classes = ["row", over ? "row-finished" : "", open ? "row-open" : ""];
  const [first] = rollOut.pulls;
  return (
    <div
      role="row"
      className={classes.join(" ")}
      aria-rowindex={rowIndex}
      data-image={group.imageRef}
      data-row={group.key}
    >
      <div role="cell" className="cell cell-image">
        <ImageName
          imageRef={group.imageRef}
          manifestDigest={first?.manifestDigest}
          recording={rollOut.pulls.some((pull) => pull.recording === true)}
          open={open}
          controls={detailId(group.key)}
        />
      </div>
      <div role="cell" className="cell cell-rollout">
        <RollOutBar group={group} rollOut={rollOut} now={knownUntil} />
      </div>
      <div role="cell" className="cell cell-marks">
        <NodeMarks pulls={rollOut.pulls} />
      </div>
      <div role="cell" className="cell cell-speed">
        {rollOut.bytesPerSec === undefined ? (
          <span className="quiet">–</span>
        ) : (
          <span className="figure">{formatSpeed(rollOut.bytesPerSec)}</span>
        )}
      </div>
      <div role="cell" className="cell cell-slowest">
        {rollOut.failing !== undefined ? (
          <>
            <span className="line">{nextTry(rollOut.failing, knownUntil).text}</span>
            <span className="line quiet">{rollOut.failing.nodeName}</span>
          </>
        ) : rollOut.slowest === undefined ? (
          <span className="quiet">–</span>
        ) : (
          <>
            <span className="line">{rollOut.slowest.nodeName}</span>
            <span className="line quiet">
              {timeLeft(rollOut.slowest, knownUntil, holderOf(rollOut.slowest, byNode)).text}
            </span>
          </>
        )}
      </div>
      <div role="cell" className="cell cell-pods">
        <WaitingPods pods={rollOut.pods} over={over} />
      </div>
      <div role="cell" className="cell cell-age quiet" title={`began ${formatInstant(group.startedMs)}`}>
        {formatAge(Math.floor((now - group.startedMs) / 1000))}
      </div>
    </div>
  );
}

/** `4 of 6 nodes have it`, and all nodes' bytes as one bar. */
function RollOutBar({ group, rollOut, now }: { group: ImageGroup; rollOut: RollOut; now: number }) {
  const all = rollOut.pulls.length;
  const text = `${rollOut.have.toLocaleString("en")} of ${all.toLocaleString("en")} ${all === 1 ? "node has" : "nodes have"} it`;
  const percent = Math.floor(Math.min(100, Math.max(0, rollOut.percent)));
  const over = group.completedMs !== undefined;
  const code = rollOut.failing?.failure?.code;
  const fill = rollOut.have === all ? "segment-done" : over ? "segment-failed" : "segment-downloading";
  return (
    <>
      <div
        className={rollOut.have === all ? "bar bar-done" : "bar"}
        role="progressbar"
        aria-label={`Roll-out of ${shortImageName(group.imageRef)}`}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={percent}
        aria-valuetext={`${percent} %, ${text}`}
      >
        <span className={`segment ${fill}`} style={{ flexGrow: 1 }}>
          <span className="segment-fill" style={{ transform: `scaleX(${percent / 100})` }} />
        </span>
      </div>
      <div className="progress-figures">
        <span>{text}</span>
      </div>
      {group.failed > 0 ? (
        <div className="line below-bar error-line-failed">
          {`${group.failed.toLocaleString("en")} failed${code === undefined ? "" : `: ${shortCause(code)}`}`}
        </div>
      ) : rollOut.endsAt !== undefined ? (
        <div className="line below-bar quiet">{`the last in ${formatTimeLeft((rollOut.endsAt - now) / 1000)}`}</div>
      ) : null}
    </>
  );
}

/** A mark per node, in the order of their names: its shape and its colour say the phase. */
function NodeMarks({ pulls }: { pulls: readonly PullStatus[] }) {
  const counts = new Map<Phase, number>();
  for (const pull of pulls) counts.set(pull.phase, (counts.get(pull.phase) ?? 0) + 1);
  const words = [...counts].map(([phase, count]) => `${count} ${phase}`).join(", ");
  return (
    <div className="marks" role="img" aria-label={`Nodes: ${words}`}>
      {pulls.length <= mostMarks
        ? pulls.map((pull) => <PhaseShape key={pull.id} phase={pull.phase} title={markTitle(pull)} />)
        : [...counts].map(([phase, count]) => (
            <span key={phase} className="mark-count" title={phase}>
              <PhaseShape phase={phase} /> {count.toLocaleString("en")}
            </span>
          ))}
    </div>
  );
}

function markTitle(pull: PullStatus): string {
  return `${pull.nodeName}: ${pull.phase}${pull.phase === "downloading" ? ` ${wholePercent(pull)} %` : ""}`;
}
