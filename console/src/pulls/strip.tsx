import { Link } from "@tanstack/react-router";
import type { PageWaits } from "@waybill/pulltrace/contract";
import type { ReactNode } from "react";
import { formatDuration, formatSpeed, shortImageName } from "../format/index.ts";
import { SparklineGraphic } from "../graphics/index.ts";
import type { Summary } from "./summary.ts";

interface StripProps {
  readonly summary: Summary;
  readonly waits: PageWaits;
  readonly totals: readonly number[];
  readonly historySeconds: number;
  /** The filter lets only failed pulls through. */
  readonly onlyFailed: boolean;
  readonly onToggleFailed: () => void;
}

/** Is anything wrong? Five figures over everything, whatever the filter shows. */
export function Strip({ summary, waits, totals, historySeconds, onlyFailed, onToggleFailed }: StripProps) {
  const window = formatDuration(historySeconds).replace(" 00 s", "");
  return (
    <dl className="strip" aria-label="Overview">
      <Figure name="Active pulls" value={summary.active.toLocaleString("en")} testId="figure-active">
        {activeWords(summary.active, waits)}
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
        value={waits.pods.toLocaleString("en")}
        testId="figure-pods"
        className={waits.failingPods > 0 ? "figure-failed" : ""}
      >
        <PodWords waits={waits} />
      </Figure>
      <Figure
        name={`Failures, ${window}`}
        value={waits.failures.toLocaleString("en")}
        testId="figure-failures"
        className={waits.failures > 0 ? "figure-failed" : ""}
      >
        {waits.failures === 0 && !onlyFailed ? (
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

function activeWords(active: number, { downloading, unpacking, notBegun }: PageWaits): string {
  const [loading, toDisk, open] = [downloading, unpacking, notBegun].map((number) => number.toLocaleString("en"));
  if (notBegun > 0) return active === 0 ? `${open} not begun` : `${open} more not begun`;
  return active === 0 ? "nothing is being pulled" : `${loading} downloading, ${toDisk} unpacking`;
}

/** Where they are, and for which image most of them wait. */
function PodWords({ waits }: { waits: PageWaits }) {
  const { pods, failingPods, namespaces, images } = waits;
  const [most] = images;
  if (most === undefined) return "no pod waits for an image";
  if (failingPods > 0) return `${failingPods.toLocaleString("en")} cannot get their image`;
  const where = `in ${namespaces} ${namespaces === 1 ? "namespace" : "namespaces"}`;
  if (most.pods === 1 && pods > 1) return where;
  return (
    <>
      {where}
      <span className="most-waited">
        , {pods === most.pods ? "all" : most.pods.toLocaleString("en")} for{" "}
        <Link to="/" search={{ q: most.imageRef }} title={most.imageRef}>
          {shortImageName(most.imageRef)}
        </Link>
      </span>
    </>
  );
}

function silentText(summary: Summary): string {
  if (summary.nodesKnown === 0) return "no agent has reported";
  const [first, ...others] = summary.silentNodes;
  if (first === undefined) return "all of them";
  return others.length === 0 ? `silent: ${first}` : `silent: ${first} +${others.length}`;
}
