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

interface NoServerProps {
  readonly reason: string;
  /** Whole seconds until the page tries again. */
  readonly retrySeconds: number;
  readonly onRetry: () => void;
}

/** When the page tries again by itself. Short waits are over before they are read. */
export function retryWords(seconds: number): string {
  return seconds < 3 ? "Trying again." : `Trying again in ${formatDuration(seconds)}.`;
}

/** The very first list did not come: there is nothing old to show. */
export function NoServer({ reason, retrySeconds, onRetry }: NoServerProps) {
  return (
    <section className="state" aria-labelledby="no-server">
      <h2 id="no-server">The pulls cannot be read</h2>
      <p className="error-text">{reason}</p>
      <p>
        {retryWords(retrySeconds)} Check that the server runs and is ready: <code>{window.location.origin}/readyz</code>
      </p>
      <button type="button" className="primary" onClick={onRetry}>
        Try now
      </button>
    </section>
  );
}
