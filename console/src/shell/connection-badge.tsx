import { formatDuration } from "../format/index.ts";
import type { Connection } from "../live/index.ts";

/** How fresh the page is. Not a live region: the polite summary tells a change once, this one counts seconds. */
export function ConnectionBadge({ connection, silentMs }: { connection: Connection; silentMs: number }) {
  return (
    <span className={`connection connection-${connection.kind}`} data-testid="connection">
      <svg viewBox="0 0 10 10" aria-hidden="true">
        {connection.kind === "live" ? (
          <circle cx="5" cy="5" r="4" />
        ) : (
          <circle cx="5" cy="5" r="3.2" className="ring" />
        )}
      </svg>
      <span className="connection-words">{connectionText(connection, silentMs)}</span>
    </span>
  );
}

function connectionText(connection: Connection, silentMs: number): string {
  if (connection.kind === "reconnecting") return `reconnecting, data ${formatDuration(silentMs / 1000)} old`;
  return connection.kind === "signed-out" ? "signed out" : connection.kind;
}
