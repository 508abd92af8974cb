import type { PullStatus } from "@waybill/pulltrace/contract";
import type { ReactNode } from "react";
import { formatBytes, formatInstant, shortImageName } from "../format/index.ts";
import { adviceFor } from "./advice.ts";
import { CopyButton } from "./copy-button.tsx";
import { LayerTable } from "./layer-table.tsx";
import { detailId } from "./pull-row.tsx";

interface PullDetailProps {
  readonly pull: PullStatus;
  readonly holders: ReadonlyMap<string, string>;
  readonly now: number;
}

/** The opened row: the error first, then the layers, then what identifies the pull. */
export function PullDetail({ pull, holders, now }: PullDetailProps) {
  return (
    <section id={detailId(pull.id)} className="detail" aria-label={`Details of ${shortImageName(pull.imageRef)}`}>
      {pull.recording === true ? (
        <p className="recording-note">
          <span className="recording-mark">recording</span> Replayed from a file; this pull does not happen now.
        </p>
      ) : null}
      {pull.error === undefined ? null : <ErrorNote pull={pull} error={pull.error} />}
      <LayerTable pull={pull} holders={holders} now={now} />
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
      <Fact name="Tenant">{pull.tenant ?? "none known"}</Fact>
      <Fact name="Node">
        {pull.nodeName}
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
                  <span className="quiet">{pod.namespace} / </span>
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
