import { formatDuration } from "../format/index.ts";
import { CopyButton } from "../shell/index.ts";
import { idleWords, type Summary } from "./summary.ts";

/** Agents report, nothing is pulled. With finished pulls below it is one line above them. */
export function NoPulls({
  historySeconds,
  finished,
  summary,
}: {
  historySeconds: number;
  finished: number;
  summary: Summary;
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
      <p>{idleWords(summary, window)} A pull appears here the moment containerd begins it. To see one, on a node:</p>
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
