import { Link } from "@tanstack/react-router";
import { isFailing, type PullStatus } from "@waybill/pulltrace/contract";
import { formatSpeed, shortImageName } from "../format/index.ts";
import { PhaseMark } from "../graphics/index.ts";
import type { PullEntry } from "../live/index.ts";
import { ColdStart } from "./cold-start.tsx";
import { FailureNote } from "./failure-note.tsx";
import { PodList } from "./pod-list.tsx";
import { byUrgency, type ImageGroup, type RollOut } from "./grouping.ts";
import { detailId } from "./image-name.tsx";
import { LayerBar, wholePercent } from "./layer-bar.tsx";
import { RolloutNow } from "./rollout-now.tsx";
import { holderOf, timeLeft } from "./time-left.ts";

interface ImageDetailProps {
  readonly group: ImageGroup;
  readonly rollOut: RollOut;
  readonly byNode: ReadonlyMap<string, readonly PullEntry[]>;
  readonly now: number;
  /** The pulls are those of a list that may be a minute old. */
  readonly listed: boolean;
}

/** So many nodes are listed; the link below leads to all of them. */
const mostNodes = 50;

/** The opened row of an image: its pulls, node by node, those that need a look first. */
export function ImageDetail({ group, rollOut, byNode, now, listed }: ImageDetailProps) {
  const name = shortImageName(group.imageRef);
  const pulls = byUrgency(rollOut.pulls).slice(0, mostNodes);
  const more = rollOut.pulls.length - pulls.length;
  return (
    <section id={detailId(group.key)} className="detail" aria-label={`Details of ${name}`}>
      {listed ? <RolloutNow imageRef={group.imageRef} now={now} /> : null}
      {rollOut.failing === undefined ? null : <FailureNote pull={rollOut.failing} now={now} />}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls must be reachable by keyboard */}
      <section className="layer-scroll" tabIndex={0} aria-label="Nodes">
        <table className="layers nodes-of-image">
          <caption className="visually-hidden">Pulls of {name} by node</caption>
          <thead>
            <tr>
              <th scope="col">Node</th>
              <th scope="col">Phase</th>
              <th scope="col">Progress</th>
              <th scope="col" className="right">
                Percent
              </th>
              <th scope="col" className="right">
                Speed
              </th>
              <th scope="col">Time left</th>
            </tr>
          </thead>
          <tbody>
            {pulls.map((pull) => {
              const left = timeLeft(pull, now, holderOf(pull, byNode)).text;
              return <NodeOfImage key={pull.id} pull={pull} left={left} told={rollOut.failing} />;
            })}
          </tbody>
        </table>
      </section>
      <PodList pods={rollOut.pods} over={false} now={now} />
      <ColdStart imageRef={group.imageRef} />
      <p>
        {more > 0 ? `${more.toLocaleString("en")} more nodes. ` : ""}
        <Link to="/" search={{ q: group.imageRef }}>
          Show each pull of it with its layers
        </Link>
      </p>
    </section>
  );
}

/** What is tried again says when, and why unless the note above said it; what is over says why. */
function reasonOf(pull: PullStatus, left: string, told: PullStatus | undefined): string {
  const why = pull.failure?.sentence ?? pull.error ?? "";
  if (isFailing(pull)) return why === "" || why === told?.failure?.sentence ? left : `${why} ${left}`;
  return pull.failure?.sentence ?? pull.error ?? left;
}

interface NodeOfImageProps {
  readonly pull: PullStatus;
  readonly left: string;
  /** The failing pull whose cause stands above. */
  readonly told: PullStatus | undefined;
}

function NodeOfImage({ pull, left, told }: NodeOfImageProps) {
  return (
    <tr>
      <td>
        <Link to="/" search={{ node: pull.nodeName }}>
          {pull.nodeName}
        </Link>
      </td>
      <td>
        <PhaseMark phase={pull.phase} />
      </td>
      <td className="bar-cell">
        <LayerBar pull={pull} />
      </td>
      <td className="right">{pull.totalKnown ? `${wholePercent(pull)} %` : "–"}</td>
      <td className="right">{pull.phase === "downloading" ? formatSpeed(pull.bytesPerSec) : "–"}</td>
      <td className={pull.phase === "failed" ? "why error-line-failed" : "why"}>{reasonOf(pull, left, told)}</td>
    </tr>
  );
}
