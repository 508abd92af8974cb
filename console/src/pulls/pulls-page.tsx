import { useCallback, useMemo, useRef, useState } from "react";
import { useFeed, useNodes, useSnapshot } from "../live/index.ts";
import { ConnectionBadge, KeysDialog, SignIn, ThemeSwitch } from "../shell/index.ts";
import type { PageSearch } from "./filter.ts";
import { PullsView } from "./pulls-view.tsx";
import { NoServer } from "./empty-states.tsx";
import { useKeys } from "./keyboard.ts";
import type { PullTableHandle } from "./pull-table.tsx";

interface PullsPageProps {
  readonly search: PageSearch;
  readonly onSearch: (next: PageSearch) => void;
}

/** The frame of the page: head, state of the connection, and whichever of its faces fits. */
export function PullsPage({ search, onSearch }: PullsPageProps) {
  const feed = useFeed();
  const snapshot = useSnapshot();
  const nodes = useNodes(snapshot);
  const [keysShown, setKeysShown] = useState(false);
  const [opened, setOpened] = useState<string>();
  const textField = useRef<HTMLInputElement>(null);
  const table = useRef<PullTableHandle>(null);
  const toggle = useCallback((id: string) => setOpened((before) => (before === id ? undefined : id)), []);
  const { connection, silentMs } = snapshot;

  useKeys({
    focusFilter: () => textField.current?.focus(),
    moveRow: (step) => table.current?.moveRow(step),
    close: () => setOpened(undefined),
    showKeys: () => setKeysShown(true),
  });

  const badge = useMemo(() => <ConnectionBadge connection={connection} silentMs={silentMs} />, [connection, silentMs]);
  return (
    <div className={search.kiosk === true ? "page kiosk" : "page"}>
      <header className="page-head">
        <span className="brand">
          <img src="/mark.svg" alt="" width="16" height="16" />
          Waybill
        </span>
        <h1>Pulls</h1>
        {badge}
        <button type="button" className="icon-button" aria-label="Keys and legend" onClick={() => setKeysShown(true)}>
          ?
        </button>
        <ThemeSwitch />
      </header>
      <main>
        {connection.kind === "signed-out" ? (
          <SignIn onSignedIn={() => feed.retry()} />
        ) : snapshot.state === undefined ? (
          connection.kind === "reconnecting" ? (
            <NoServer reason={connection.reason} onRetry={() => feed.retry()} />
          ) : null
        ) : (
          <PullsView
            state={snapshot.state}
            snapshot={snapshot}
            nodes={nodes}
            search={search}
            onSearch={onSearch}
            opened={opened}
            onToggle={toggle}
            textField={textField}
            table={table}
            onRetry={() => feed.retry()}
          />
        )}
      </main>
      <KeysDialog open={keysShown} onClose={() => setKeysShown(false)} />
    </div>
  );
}
