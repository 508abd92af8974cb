import type { NodeStatus, PageSummary } from "@waybill/pulltrace/contract";
import { type RefObject, useMemo, useState } from "react";
import { formatDuration } from "../format/index.ts";
import { type RowsHandle, useHeldOrder } from "../list/index.ts";
import type { FeedSnapshot, PullsState } from "../live/index.ts";
import { createArranger, type Standing } from "./arrangement.ts";
import { NoAgent } from "../shell/index.ts";
import { NoMatch, NoPulls } from "./empty-states.tsx";
import { filterChoices, filterEntries, filterKey, isFiltering, type PageSearch, withoutFilter } from "./filter.ts";
import { FilterBar } from "./filter-bar.tsx";
import { groupByImage, groupsWith, type ImageGroup } from "./grouping.ts";
import { ImageTable } from "./image-table.tsx";
import { PullTable } from "./pull-table.tsx";
import { SpokenSummary } from "./spoken-summary.tsx";
import { Strip } from "./strip.tsx";
import { summarize, type Summary, createWaitsReader } from "./summary.ts";
import { runningByNode } from "./time-left.ts";
import { TroubleList } from "./trouble-list.tsx";

interface PullsViewProps {
  readonly state: PullsState;
  readonly snapshot: FeedSnapshot;
  readonly nodes: readonly NodeStatus[];
  readonly search: PageSearch;
  readonly onSearch: (next: PageSearch) => void;
  readonly opened: string | undefined;
  readonly onToggle: (id: string) => void;
  readonly textField: RefObject<HTMLInputElement | null>;
  readonly table: RefObject<RowsHandle | null>;
}

/** Strip, filter and rows over one state. */
export function PullsView(props: PullsViewProps) {
  const { state, snapshot, nodes, search, onSearch } = props;
  const { entries, shape } = state;
  const { connection, now } = snapshot;
  const [list, setList] = useState<HTMLDivElement | null>(null);
  const held = useHeldOrder(list);
  const { summarised } = snapshot;
  const summary = useMemo(
    () => withPage(summarize(entries.values(), nodes), summarised?.summary),
    [entries, nodes, summarised?.summary],
  );
  const second = Math.floor(now / 1000);
  const [readWaits] = useState(createWaitsReader);
  // Of very many pulls the server's, who has them all fresh.
  const waits = summarised?.waits ?? readWaits(state, second);
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
  const [arranger] = useState(createArranger);
  const key = filterKey(search);
  const groups = useMemo(() => (search.group === undefined ? noGroups : groupByImage(shape.values())), [shape, search]);
  const standing = useMemo(
    () => (search.group === undefined ? matching : groupsWith(groups, matching).map(standingOf)),
    [matching, groups, search.group],
  );
  const arrangement = useMemo(
    () => arranger(standing, second * 1000, key, held),
    [arranger, standing, second, key, held],
  );
  const heardUntil = connection.kind === "live" ? now : now - snapshot.silentMs;
  const knownUntil = Math.min(heardUntil, summarised?.listedAt ?? heardUntil);
  const filtering = isFiltering(search);
  const idle = summary.active === 0 && waits.notBegun === 0 && waits.troubles.length === 0 && !filtering;

  return (
    <>
      <SpokenSummary summary={summary} waits={waits} connection={connection} now={heardUntil} />
      {summary.recording ? (
        <p className="banner banner-recording" data-testid="recording-banner">
          <strong>This is a recording.</strong> Pulls marked so are replayed from a file and do not happen now.
        </p>
      ) : null}
      {summarised === undefined ? null : (
        <p className="banner" data-testid="summarised-banner">
          <strong>More pulls than a page can follow.</strong> The sums, what is written above the rows, and the 200
          newest rows are live; their layers and all other rows are{" "}
          {formatDuration(Math.max(0, now - summarised.listedAt) / 1000)} old, and are read anew each minute.
        </p>
      )}
      {nodes.length === 0 && entries.size === 0 ? (
        <NoAgent />
      ) : (
        <>
          <Strip
            summary={summary}
            waits={waits}
            totals={snapshot.totals}
            historySeconds={state.historySeconds}
            onlyFailed={search.phase === "failed"}
            onToggleFailed={() => onSearch(toggleFailed(search))}
          />
          <TroubleList waits={waits} search={search} now={heardUntil} />
          {entries.size === 0 && !filtering ? null : (
            <FilterBar
              search={search}
              choices={choices}
              shown={standing.length}
              all={search.group === undefined ? entries.size : groups.size}
              textField={props.textField}
              onSearch={onSearch}
            />
          )}
          {idle ? <NoPulls historySeconds={state.historySeconds} finished={entries.size} summary={summary} /> : null}
          {matching.length === 0 && filtering ? (
            <NoMatch all={entries.size} onClear={() => onSearch(withoutFilter(search))} />
          ) : null}
          <div hidden={matching.length === 0} className={connection.kind === "live" ? "" : "stale"}>
            {search.group === undefined ? (
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
                knownUntil={knownUntil}
                historySeconds={state.historySeconds}
              />
            ) : (
              <ImageTable
                handle={props.table}
                list={list}
                listRef={setList}
                entries={entries}
                byNode={byNode}
                groups={groups}
                listed={summarised !== undefined}
                rows={arrangement.rows}
                opened={props.opened}
                onToggle={props.onToggle}
                now={now}
                knownUntil={knownUntil}
              />
            )}
          </div>
          {arrangement.held > 0 ? <HeldNote held={arrangement.held} noun={search.group ?? "pull"} /> : null}
        </>
      )}
    </>
  );
}

/** Sums that the server has made of all pulls are fresher than those of a list. */
function withPage(summary: Summary, page: PageSummary | undefined): Summary {
  return page === undefined ? summary : { ...summary, active: page.activePulls, bytesPerSec: page.bytesPerSec };
}

const noGroups: ReadonlyMap<string, ImageGroup> = new Map();

/** A group takes its place in the order as one long pull. */
function standingOf(group: ImageGroup): Standing {
  const { key, startedMs, completedMs, failed } = group;
  const pull = { id: key, phase: failed > 0 ? ("failed" as const) : ("done" as const) };
  return { pull, startedMs, ...(completedMs === undefined ? {} : { completedMs }) };
}

function HeldNote({ held, noun }: { held: number; noun: string }) {
  return (
    <button type="button" className="held-note" onClick={() => window.scrollTo({ top: 0 })}>
      {held === 1 ? `1 new ${noun}` : `${held.toLocaleString("en")} new ${noun}s`}{" "}
      <span>order held while you read</span>
    </button>
  );
}

function toggleFailed(search: PageSearch): PageSearch {
  const { phase, ...rest } = search;
  return phase === "failed" ? rest : { ...rest, phase: "failed" };
}
