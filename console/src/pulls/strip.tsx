import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { formatDuration, formatSpeed } from "../format/index.ts";
import { SparklineGraphic } from "../graphics/index.ts";
import type { Summary } from "./summary.ts";

interface StripProps {
  readonly summary: Summary;
  readonly totals: readonly number[];
  readonly historySeconds: number;
  /** The filter lets only failed pulls through. */
  readonly onlyFailed: boolean;
  readonly onToggleFailed: () => void;
}

/** Is anything wrong? Five figures over everything, whatever the filter shows. */
export function Strip({ summary, totals, historySeconds, onlyFailed, onToggleFailed }: StripProps) {
  const window = formatDuration(historySeconds).replace(" 00 s", "");
  return (
    <dl className="strip" aria-label="Overview">
      <Figure name="Active pulls" value={summary.active.toLocaleString("en")} testId="figure-active">
        {activeWords(summary)}
      </Figure>
      <Figure
        name="Total speed"
        value={formatSpeed(summary.bytesPerSec)}
        testId="figure-speed"
        className="figure-speed"
      >
        <SparklineGraphic values={totals} slots={60} />
      </Figure>
      <Figure
        name="Nodes reporting"
        value={`${summary.nodesReporting} of ${summary.nodesKnown}`}
        testId="figure-nodes"
        className={summary.silentNodes.length > 0 ? "figure-warning" : ""}
      >
        {summary.silentNodes.length === 0 ? silentText(summary) : <Link to="/nodes">{silentText(summary)}</Link>}
      </Figure>
      <Figure
        name="Pods waiting"
        value={summary.podsWaiting.toLocaleString("en")}
        testId="figure-pods"
        className={summary.podsFailing > 0 ? "figure-failed" : ""}
      >
        {podWords(summary)}
      </Figure>
      <Figure
        name={`Failures, ${window}`}
        value={summary.failures.toLocaleString("en")}
        testId="figure-failures"
        className={summary.failures > 0 ? "figure-failed" : ""}
      >
        {summary.failures === 0 && !onlyFailed ? (
          "none"
        ) : (
          <button type="button" className="link" aria-pressed={onlyFailed} onClick={onToggleFailed}>
            {onlyFailed ? "show all pulls" : "show failed pulls"}
          </button>
        )}
      </Figure>
    </dl>
  );
}

interface FigureProps {
  readonly name: string;
  readonly value: string;
  readonly testId: string;
  readonly className?: string;
  readonly children: ReactNode;
}

function Figure({ name, value, testId, className = "", children }: FigureProps) {
  return (
    <div className={`strip-figure ${className}`} data-testid={testId}>
      <dt>{name}</dt>
      <dd className="value">{value}</dd>
      <dd className="below">{children}</dd>
    </div>
  );
}

function activeWords({ active, downloading, unpacking, notBegun }: Summary): string {
  if (notBegun > 0) return active === 0 ? `${notBegun} not begun` : `${notBegun} more not begun`;
  return active === 0 ? "nothing is being pulled" : `${downloading} downloading, ${unpacking} unpacking`;
}

function podWords({ podsWaiting, podNamespaces, podsFailing }: Summary): string {
  if (podsWaiting === 0) return "no pod waits for an image";
  if (podsFailing > 0) return `${podsFailing.toLocaleString("en")} cannot get their image`;
  return `in ${podNamespaces} ${podNamespaces === 1 ? "namespace" : "namespaces"}`;
}

function silentText(summary: Summary): string {
  if (summary.nodesKnown === 0) return "no agent has reported";
  const [first, ...others] = summary.silentNodes;
  if (first === undefined) return "all of them";
  return others.length === 0 ? `silent: ${first}` : `silent: ${first} +${others.length}`;
}
