import { Link, useNavigate } from "@tanstack/react-router";
import { type ReactNode, useMemo, useState } from "react";
import { formatDuration } from "../format/index.ts";
import { type FeedSnapshot, type PullsState, useFeed } from "../live/index.ts";
import { ConnectionBadge } from "./connection-badge.tsx";
import { NoServer, retryWords } from "./empty-states.tsx";
import { type KeyActions, useKeys } from "./keyboard.ts";
import { KeysDialog } from "./keys-dialog.tsx";
import { SignIn } from "./sign-in.tsx";
import { ThemeSwitch } from "./theme-switch.tsx";

interface PageFrameProps {
  readonly title: "Pulls" | "Nodes";
  /** Without the chrome, for a wall screen. */
  readonly kiosk: boolean;
  readonly snapshot: FeedSnapshot;
  /** The keys that mean something on this page. */
  readonly keys: KeyActions;
  readonly children: (state: PullsState) => ReactNode;
}

/** The frame of a page: head, state of the connection, and, once there is something to show, the page itself. */
export function PageFrame({ title, kiosk, snapshot, keys, children }: PageFrameProps) {
  const feed = useFeed();
  const navigate = useNavigate();
  const [keysShown, setKeysShown] = useState(false);
  const { connection, silentMs, state } = snapshot;
  const search = useMemo(() => (kiosk ? { kiosk: true as const } : {}), [kiosk]);

  useKeys({
    ...keys,
    showKeys: () => setKeysShown(true),
    goTo: (to) => void navigate({ to, search }),
  });

  const badge = useMemo(() => <ConnectionBadge connection={connection} silentMs={silentMs} />, [connection, silentMs]);
  const head = useMemo(
    () => (
      <>
        <span className="brand">
          <img src="/mark.svg" alt="" width="16" height="16" />
          Waybill
        </span>
        <h1>{title}</h1>
        <nav aria-label="Pages">
          <Link to="/" search={search} activeOptions={pageLink} aria-keyshortcuts="p">
            Pulls
          </Link>
          <Link to="/nodes" search={search} activeOptions={pageLink} aria-keyshortcuts="n">
            Nodes
          </Link>
        </nav>
      </>
    ),
    [title, search],
  );
  return (
    <div className={kiosk ? "page kiosk" : "page"}>
      <header className="page-head">
        {head}
        {badge}
        <button type="button" className="icon-button" aria-label="Keys and legend" onClick={() => setKeysShown(true)}>
          ?
        </button>
        <ThemeSwitch />
      </header>
      <main>
        {connection.kind === "signed-out" ? (
          <SignIn onSignedIn={() => feed.retry()} />
        ) : state === undefined ? (
          connection.kind === "reconnecting" ? (
            <NoServer
              reason={connection.reason}
              retrySeconds={secondsUntil(connection.retryAt, snapshot.now)}
              onRetry={() => feed.retry()}
            />
          ) : null
        ) : (
          <>
            {connection.kind === "reconnecting" ? (
              <p className="banner banner-stale" data-testid="stale-banner">
                <strong>Not live.</strong> {connection.reason} What stands here is {formatDuration(silentMs / 1000)}{" "}
                old. {retryWords(secondsUntil(connection.retryAt, snapshot.now))}{" "}
                <button type="button" className="link" onClick={() => feed.retry()}>
                  Try now
                </button>
              </p>
            ) : null}
            {children(state)}
          </>
        )}
      </main>
      <KeysDialog open={keysShown} onClose={() => setKeysShown(false)} />
    </div>
  );
}

function secondsUntil(at: number, now: number): number {
  return Math.max(0, Math.ceil((at - now) / 1000));
}

/** A link is the current page's, whatever the filter. */
const pageLink = { exact: true, includeSearch: false } as const;
