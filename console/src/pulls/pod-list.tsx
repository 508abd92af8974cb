import { Link } from "@tanstack/react-router";
import type { PodPart, PodReference } from "@waybill/pulltrace/contract";
import { formatDuration, formatInstant } from "../format/index.ts";

interface PodListProps {
  readonly pods: readonly PodReference[];
  /** Nobody waits any more: these did. */
  readonly over: boolean;
  /** The server's clock, ms. */
  readonly now: number;
}

const partWords: Readonly<Record<PodPart, string>> = {
  container: "container",
  init: "init container",
  sidecar: "sidecar",
  ephemeral: "ephemeral container",
  volume: "image volume",
};

/** Every part of every pod that waits: `payments / fraud-scorer-7c9d, init container migrate, for 3 min 20 s`. */
export function PodList({ pods, over, now }: PodListProps) {
  if (pods.length === 0) return null;
  const names = new Set(pods.map((pod) => `${pod.namespace}/${pod.podName}`));
  const title = `${over ? "Pods that waited" : "Waiting pods"} (${names.size.toLocaleString("en")})`;
  return (
    <section className="pod-section">
      <h2>{title}</h2>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls must be reachable by keyboard */}
      <ul className="pod-list" tabIndex={0} aria-label={title}>
        {pods.map((pod) => (
          <li key={`${pod.namespace}/${pod.podName}/${pod.part ?? ""}/${pod.container}`}>
            <Link to="/" search={{ namespace: pod.namespace }}>
              {pod.namespace}
            </Link>
            {" / "}
            {pod.podName} <span className={markOf(pod.part)}>{partWords[pod.part ?? "container"]}</span>{" "}
            <span className="quiet">{pod.container}</span>
            {over ? null : <Waits pod={pod} now={now} />}
          </li>
        ))}
      </ul>
    </section>
  );
}

/** What is not an ordinary container is marked: it holds back the whole pod, or nothing but itself. */
function markOf(part: PodPart | undefined): string {
  return part === undefined || part === "container" ? "quiet" : "part-mark";
}

function Waits({ pod, now }: { pod: PodReference; now: number }) {
  const since = pod.since === undefined ? Number.NaN : Date.parse(pod.since);
  const known = !Number.isNaN(since);
  if (!known && pod.reason === undefined) return null;
  return (
    <span className="quiet" title={known ? `since ${formatInstant(since)}` : undefined}>
      {pod.reason === undefined ? "" : `, ${pod.reason}`}
      {known ? `, for ${formatDuration(Math.max(0, now - since) / 1000)}` : ""}
    </span>
  );
}
