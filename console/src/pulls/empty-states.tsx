import { formatDuration } from "../format/index.ts";
import { CopyButton } from "./copy-button.tsx";

/** No node ever reported: what to run, ready to paste. */
export function NoAgent() {
  const command = `waybill pulltrace agent --node-name "$(hostname)" --server-url ${window.location.origin}`;
  return (
    <section className="state" aria-labelledby="no-agent">
      <h2 id="no-agent">No node reports yet</h2>
      <p>
        An agent on each node reads containerd and tells this server what is being pulled. Start one, as a user who may
        read <code>/run/containerd/containerd.sock</code>:
      </p>
      <div className="command">
        <code>{command}</code>
        <CopyButton text={command} label="Copy command" />
      </div>
      <p className="quiet">
        The node appears here within a second or two. If the server wants an agent token, set{" "}
        <code>PULLTRACE_AGENT_TOKEN</code> as well.
      </p>
    </section>
  );
}

/** Agents report, nothing is pulled. With finished pulls below it is one line above them. */
export function NoPulls({
  historySeconds,
  finished,
  nodes,
}: {
  historySeconds: number;
  finished: number;
  nodes: number;
}) {
  const window = formatDuration(historySeconds).replace(" 00 s", "");
  if (finished > 0) {
    return (
      <p className="idle-note" data-testid="no-active-pulls">
        <strong>No pull is running now.</strong> The last finished ones stand below for {window}.
      </p>
    );
  }
  return (
    <section className="state" aria-labelledby="no-pulls">
      <h2 id="no-pulls">No pull is running now</h2>
      <p>
        {nodes === 1 ? "The node reports" : `${nodes} nodes report`}, and nothing was pulled in the last {window}. A
        pull appears here the moment containerd begins it. To see one, on a node:
      </p>
      <div className="command">
        <code>crictl pull docker.io/library/busybox:latest</code>
        <CopyButton text="crictl pull docker.io/library/busybox:latest" label="Copy command" />
      </div>
    </section>
  );
}

export function NoMatch({ all, onClear }: { all: number; onClear: () => void }) {
  return (
    <section className="state" aria-labelledby="no-match">
      <h2 id="no-match">No pull matches the filter</h2>
      <p>{all === 1 ? "One pull is hidden by it." : `${all.toLocaleString("en")} pulls are hidden by it.`}</p>
      <button type="button" className="primary" onClick={onClear}>
        Show all pulls
      </button>
    </section>
  );
}

/** The very first list did not come: there is nothing old to show. */
export function NoServer({ reason, onRetry }: { reason: string; onRetry: () => void }) {
  return (
    <section className="state" aria-labelledby="no-server">
      <h2 id="no-server">The pulls cannot be read</h2>
      <p className="error-text">{reason}</p>
      <p>
        The page tries again by itself. Check that the server runs and is ready:{" "}
        <code>{window.location.origin}/readyz</code>
      </p>
      <button type="button" className="primary" onClick={onRetry}>
        Try now
      </button>
    </section>
  );
}
