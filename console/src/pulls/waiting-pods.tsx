import type { PodReference } from "@waybill/pulltrace/contract";
import { memo } from "react";

interface WaitingPodsProps {
  readonly pods: readonly PodReference[];
  /** The pull is over: they waited for it. */
  readonly over: boolean;
}

/** The first two pods that wait, and how many more; all of them on hover and in the opened row. */
export const WaitingPods = memo(function WaitingPods({ pods, over }: WaitingPodsProps) {
  const names = [...new Set(pods.map((pod) => `${pod.namespace}/${pod.podName}`))];
  if (names.length === 0) return <span className="quiet">–</span>;
  const shown = names.length <= 2 ? names : names.slice(0, 2);
  const more = names.length - shown.length;
  const title = names.length > mostInTitle ? [...names.slice(0, mostInTitle), `+${names.length - mostInTitle}`] : names;
  return (
    <div className={over ? "pods quiet" : "pods"} title={`${over ? "Waited" : "Waiting"}:\n${title.join("\n")}`}>
      {shown.map((name, at) => (
        <span key={name} className="pod">
          <span className="line">{name.slice(name.indexOf("/") + 1)}</span>
          {at === shown.length - 1 && more > 0 ? <span className="more">+{more.toLocaleString("en")}</span> : null}
        </span>
      ))}
    </div>
  );
});

const mostInTitle = 30;
