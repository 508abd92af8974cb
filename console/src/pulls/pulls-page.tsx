import { useCallback, useRef, useState } from "react";
import type { RowsHandle } from "../list/index.ts";
import { useNodes, useSnapshot } from "../live/index.ts";
import { PageFrame } from "../shell/index.ts";
import { type PageSearch, toggleGroups } from "./filter.ts";
import { PullsView } from "./pulls-view.tsx";

interface PullsPageProps {
  readonly search: PageSearch;
  readonly onSearch: (next: PageSearch) => void;
}

/** What is being pulled, where, how fast, and who waits. */
export function PullsPage({ search, onSearch }: PullsPageProps) {
  const snapshot = useSnapshot();
  const nodes = useNodes(snapshot);
  const [opened, setOpened] = useState<string>();
  const textField = useRef<HTMLInputElement>(null);
  const table = useRef<RowsHandle>(null);
  const toggle = useCallback((id: string) => setOpened((before) => (before === id ? undefined : id)), []);
  const keys = {
    focusFilter: () => textField.current?.focus(),
    moveRow: (step: 1 | -1) => table.current?.moveRow(step),
    close: () => setOpened(undefined),
    toggleGroups: () => onSearch(toggleGroups(search)),
  };
  return (
    <PageFrame title="Pulls" kiosk={search.kiosk === true} snapshot={snapshot} keys={keys}>
      {(state) => (
        <PullsView
          state={state}
          snapshot={snapshot}
          nodes={nodes}
          search={search}
          onSearch={onSearch}
          opened={opened}
          onToggle={toggle}
          textField={textField}
          table={table}
        />
      )}
    </PageFrame>
  );
}
