import type { NodeStatus } from "@waybill/pulltrace/contract";
import { type RefObject, useMemo, useState } from "react";
import { formatDuration } from "../format/index.ts";
import type { FeedSnapshot, PullsState } from "../live/index.ts";
import { createArranger } from "./arrangement.ts";
import { NoAgent, NoMatch, NoPulls } from "./empty-states.tsx";
import { filterChoices, filterEntries, filterKey, isFiltering, type PageSearch } from "./filter.ts";
import { FilterBar, withoutFilter } from "./filter-bar.tsx";
import { useHeldOrder } from "./held-order.ts";
import { PullTable, type PullTableHandle } from "./pull-table.tsx";
import { SpokenSummary } from "./spoken-summary.tsx";
import { Strip } from "./strip.tsx";
import { summarize } from "./summary.ts";
import { runningByNode } from "./time-left.ts";

interface PullsViewProps {
  readonly state: PullsState;
  readonly snapshot: FeedSnapshot;
  readonly nodes: readonly NodeStatus[];
  readonly search: PageSearch;
  readonly onSearch: (next: PageSearch) => void;
  readonly opened: string | undefined;
  readonly onToggle: (id: string) => void;
  readonly textField: RefObject<HTMLInputElement | null>;
  readonly table: RefObject<PullTableHandle | null>;
  readonly onRetry: () => void;
}

/** Strip, filter and rows over one state. */
export function PullsView(props: PullsViewProps) {
  const { state, snapshot, nodes, search, onSearch } = props;
  const { entries, shape } = state;
  const { connection, now } = snapshot;
  const [list, setList] = useState<HTMLDivElement | null>(null);
  const held = useHeldOrder(list);
  const summary = useMemo(() => summarize(entries.values(), nodes), [entries, nodes]);
  const choices = useMemo(
    () =>
      filterChoices(
        shape.values(),
        nodes.map((node) => node.nodeName),
        search,
      ),
    [shape, nodes, search],
  );
  const byNode = useMemo(() => runningByNode(entries.values()), [entries]);
  const matching = useMemo(() => filterEntries(shape.values(), search), [shape, search]);
  const second = Math.floor(now / 1000);
  const [arranger] = useState(createArranger);
  const key = filterKey(search);
  const arrangement = useMemo(
    () => arranger(matching, second * 1000, key, held),
    [arranger, matching, second, key, held],
  );
  const filtering = isFiltering(search);
  const idle = summary.active === 0 && !filtering;

  return (
    <>
      <SpokenSummary summary={summary} connection={connection} />
      {summary.recording ? (
        <p className="banner banner-recording" data-testid="recording-banner">
          <strong>This is a recording.</strong> Pulls marked so are replayed from a file and do not happen now.
        </p>
      ) : null}
      {connection.kind === "reconnecting" ? (
        <p className="banner banner-stale" data-testid="stale-banner">
          <strong>Not live.</strong> {connection.reason} What stands here is {formatDuration(snapshot.silentMs / 1000)}{" "}
          old.{" "}
          <button type="button" className="link" onClick={props.onRetry}>
            Try now
          </button>
        </p>
      ) : null}
      {nodes.length === 0 && entries.size === 0 ? (
        <NoAgent />
      ) : (
        <>
          <Strip
            summary={summary}
            totals={snapshot.totals}
            historySeconds={state.historySeconds}
            onlyFailed={search.phase === "failed"}
            onToggleFailed={() => onSearch(toggleFailed(search))}
          />
          {entries.size === 0 && !filtering ? null : (
            <FilterBar
              search={search}
              choices={choices}
              shown={matching.length}
              all={entries.size}
              textField={props.textField}
              onSearch={onSearch}
            />
          )}
          {idle ? <NoPulls historySeconds={state.historySeconds} finished={entries.size} nodes={nodes.length} /> : null}
          {matching.length === 0 && filtering ? (
            <NoMatch all={entries.size} onClear={() => onSearch(withoutFilter(search))} />
          ) : null}
          <div hidden={matching.length === 0} className={connection.kind === "live" ? "" : "stale"}>
            <PullTable
              handle={props.table}
              list={list}
              listRef={setList}
              entries={entries}
              byNode={byNode}
              arrangement={arrangement}
              opened={props.opened}
              onToggle={props.onToggle}
              now={now}
              knownUntil={connection.kind === "live" ? now : now - snapshot.silentMs}
              historySeconds={state.historySeconds}
            />
          </div>
          {arrangement.held > 0 ? <HeldNote held={arrangement.held} /> : null}
        </>
      )}
    </>
  );
}

function HeldNote({ held }: { held: number }) {
  return (
    <button type="button" className="held-note" onClick={() => window.scrollTo({ top: 0 })}>
      {held === 1 ? "1 new pull" : `${held.toLocaleString("en")} new pulls`} <span>order held while you read</span>
    </button>
  );
}

function toggleFailed(search: PageSearch): PageSearch {
  const { phase, ...rest } = search;
  return phase === "failed" ? rest : { ...rest, phase: "failed" };
}
