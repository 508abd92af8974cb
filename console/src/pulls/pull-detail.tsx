import { Link } from "@tanstack/react-router";
import type { PullStatus } from "@waybill/pulltrace/contract";
import type { ReactNode } from "react";
import { formatBytes, formatInstant, shortImageName } from "../format/index.ts";
import { adviceFor } from "./advice.ts";
import { CopyButton } from "../shell/index.ts";
import { detailId } from "./image-name.tsx";
import { LayerTable } from "./layer-table.tsx";
import { LayerTimeline } from "./layer-timeline.tsx";

interface PullDetailProps {
  readonly pull: PullStatus;
  readonly holders: ReadonlyMap<string, string>;
  /** Until when the pull is known, ms by the server's clock. */
  readonly now: number;
}

/** The opened row: the error first, then why it takes so long, the layers, and what identifies the pull. */
export function PullDetail({ pull, holders, now }: PullDetailProps) {
  return (
    <section id={detailId(pull.id)} className="detail" aria-label={`Details of ${shortImageName(pull.imageRef)}`}>
      {pull.recording === true ? (
        <p className="recording-note">
          <span className="recording-mark">recording</span> Replayed from a file; this pull does not happen now.
        </p>
      ) : null}
      {pull.error === undefined ? null : <ErrorNote pull={pull} error={pull.error} />}
      {pull.cause === undefined ? null : (
        <p className="cause" data-testid="cause">
          {pull.cause.sentence}
        </p>
      )}
      <LayerTimeline pull={pull} now={now} />
      <LayerTable pull={pull} holders={holders} />
      <Facts pull={pull} />
    </section>
  );
}

function ErrorNote({ pull, error }: { pull: PullStatus; error: string }) {
  return (
    <div className={`error-note error-${pull.phase}`}>
      <p className="error-text">{error}</p>
      <p>
        <strong>What to do:</strong> {adviceFor(error)}
      </p>
    </div>
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
        <dd className="digest">
          {pull.manifestDigest === undefined ? (
            "not known yet"
          ) : (
            <>
              {pull.manifestDigest} <CopyButton text={pull.manifestDigest} label="Copy manifest digest" />
            </>
          )}
        </dd>
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
      {pull.completedAt === undefined ? null : <Fact name="Ended">{formatInstant(pull.completedAt)}</Fact>}
      <div className="fact fact-wide">
        <dt>Waiting pods</dt>
        <dd>
          {pull.pods.length === 0 ? (
            "none"
          ) : (
            <ul className="pod-list">
              {pull.pods.map((pod) => (
                <li key={`${pod.namespace}/${pod.podName}/${pod.container}`}>
                  <Link to="/" search={{ namespace: pod.namespace }}>
                    {pod.namespace}
                  </Link>
                  {" / "}
                  {pod.podName} <span className="quiet">container {pod.container}</span>
                </li>
              ))}
            </ul>
          )}
        </dd>
      </div>
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
