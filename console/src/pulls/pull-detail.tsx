import { Link } from "@tanstack/react-router";
import { isOver, type PullStatus } from "@waybill/pulltrace/contract";
import type { ReactNode } from "react";
import { formatBytes, formatInstant, shortImageName } from "../format/index.ts";
import { CopyButton } from "../shell/index.ts";
import { ColdStart } from "./cold-start.tsx";
import { FailureNote } from "./failure-note.tsx";
import { detailId } from "./image-name.tsx";
import { LayerTable } from "./layer-table.tsx";
import { LayerTimeline } from "./layer-timeline.tsx";
import { PodList } from "./pod-list.tsx";

interface PullDetailProps {
  readonly pull: PullStatus;
  readonly holders: ReadonlyMap<string, string>;
  /** Until when the pull is known, ms by the server's clock. */
  readonly now: number;
}

/** The opened row: the error first, why it takes so long, whom it hits, the layers, and what identifies the pull. */
export function PullDetail({ pull, holders, now }: PullDetailProps) {
  return (
    <section id={detailId(pull.id)} className="detail" aria-label={`Details of ${shortImageName(pull.imageRef)}`}>
      {pull.recording === true ? (
        <p className="recording-note">
          <span className="recording-mark">recording</span> Replayed from a file; this pull does not happen now.
        </p>
      ) : null}
      <FailureNote pull={pull} now={now} />
      {pull.phase === "waiting" && pull.waitsFor !== undefined ? (
        <p className="cause" data-testid="waits-for">
          {pull.waitsFor.sentence}
        </p>
      ) : null}
      {pull.cause === undefined ? null : (
        <p className="cause" data-testid="cause">
          {pull.cause.sentence}
        </p>
      )}
      <PodList pods={pull.pods} over={isOver(pull)} now={now} />
      <LayerTimeline pull={pull} now={now} />
      <LayerTable pull={pull} holders={holders} />
      <ColdStart imageRef={pull.imageRef} />
      <Facts pull={pull} />
    </section>
  );
}

function Facts({ pull }: { pull: PullStatus }) {
  return (
    <dl className="facts">
      <div className="fact fact-wide">
        <dt>Image</dt>
        <dd className="digest">
          {pull.imageRef} <CopyButton text={pull.imageRef} label="Copy image reference" />
        </dd>
      </div>
      <div className="fact fact-wide">
        <dt>Manifest digest</dt>
        {pull.manifestDigest === undefined ? (
          <dd>not known yet</dd>
        ) : (
          <dd className="digest">
            {pull.manifestDigest} <CopyButton text={pull.manifestDigest} label="Copy manifest digest" />
          </dd>
        )}
      </div>
      <Fact name="Size">
        {pull.totalKnown ? formatBytes(pull.totalBytes) : "not known yet"}
        {pull.cachedBytes > 0 ? `, ${formatBytes(pull.cachedBytes)} of it were on the node` : ""}
      </Fact>
      <Fact name="Tenant">
        {pull.tenant === undefined ? (
          "none known"
        ) : (
          <Link to="/" search={{ tenant: pull.tenant }}>
            {pull.tenant}
          </Link>
        )}
      </Fact>
      <Fact name="Node">
        <Link to="/" search={{ node: pull.nodeName }}>
          {pull.nodeName}
        </Link>
        {pull.containerdNamespace === undefined ? "" : ` (containerd namespace ${pull.containerdNamespace})`}
      </Fact>
      <Fact name="Began">{formatInstant(pull.startedAt)}</Fact>
      {pull.completedAt === undefined ? null : (
        <Fact name={isOver(pull) ? "Ended" : "Last try ended"}>{formatInstant(pull.completedAt)}</Fact>
      )}
    </dl>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="fact">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
