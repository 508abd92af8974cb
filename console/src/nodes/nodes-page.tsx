import { useNavigate } from "@tanstack/react-router";
import { useMemo, useRef, useState } from "react";
import { type RowsHandle, TextField, VirtualRows } from "../list/index.ts";
import { type FeedSnapshot, type PullsState, useNodes, useSnapshot } from "../live/index.ts";
import { NoAgent, PageFrame } from "../shell/index.ts";
import { NodeItem } from "./node-item.tsx";
import { filterNodes, type NodeRow, nodeRows, type NodesSearch } from "./node-rows.ts";

interface NodesPageProps {
  readonly search: NodesSearch;
  readonly onSearch: (next: NodesSearch) => void;
}

const columns = ["Node", "Throughput", "Active pulls", "Agent", "Last report"] as const;
const estimate = { wide: 2.75, narrow: 4.5 };

export function NodesPage({ search, onSearch }: NodesPageProps) {
  const snapshot = useSnapshot();
  const textField = useRef<HTMLInputElement>(null);
  const table = useRef<RowsHandle>(null);
  const keys = {
    focusFilter: () => textField.current?.focus(),
    moveRow: (step: 1 | -1) => table.current?.moveRow(step),
  };
  const setText = (q: string): void => {
    const { q: _, ...rest } = search;
    onSearch(q === "" ? rest : { ...rest, q });
  };
  return (
    <PageFrame title="Nodes" kiosk={search.kiosk === true} snapshot={snapshot} keys={keys}>
      {(state) => (
        <NodesView
          state={state}
          snapshot={snapshot}
          search={search}
          onText={setText}
          textField={textField}
          table={table}
        />
      )}
    </PageFrame>
  );
}

interface NodesViewProps {
  readonly state: PullsState;
  readonly snapshot: FeedSnapshot;
  readonly search: NodesSearch;
  readonly onText: (text: string) => void;
  readonly textField: React.RefObject<HTMLInputElement | null>;
  readonly table: React.RefObject<RowsHandle | null>;
}

/** How many nodes are silent, the filter, and a row per node. */
function NodesView({ state, snapshot, search, onText, textField, table }: NodesViewProps) {
  const nodes = useNodes(snapshot);
  const navigate = useNavigate();
  const [list, setList] = useState<HTMLDivElement | null>(null);
  const all = useMemo(() => nodeRows(nodes, state.entries.values()), [nodes, state.entries]);
  const shown = useMemo(() => filterNodes(all, search.q), [all, search.q]);
  const byName = useMemo(() => new Map(shown.map((row) => [row.node.nodeName, row])), [shown]);
  // The names' own identity: with each draw's new list the virtualizer would measure all rows anew.
  const order = shown.map((row) => row.node.nodeName).join("\n");
  const names = useMemo(() => (order === "" ? [] : order.split("\n")), [order]);
  const kiosk = search.kiosk === undefined ? {} : { kiosk: search.kiosk };
  const live = snapshot.connection.kind === "live";

  if (all.length === 0) return <NoAgent />;
  return (
    <>
      <search className="filter-bar" aria-label="Filter nodes">
        <TextField text={search.q ?? ""} placeholder="Node, version, silent" field={textField} onText={onText} />
        <NodeSummary rows={all} shown={shown.length} />
        {search.q === undefined ? null : (
          <button type="button" onClick={() => onText("")}>
            Clear filter
          </button>
        )}
      </search>
      {shown.length === 0 ? (
        <section className="state" aria-labelledby="no-node">
          <h2 id="no-node">No node matches the filter</h2>
          <button type="button" className="primary" onClick={() => onText("")}>
            Show all nodes
          </button>
        </section>
      ) : null}
      <div hidden={shown.length === 0} className={live ? "" : "stale"}>
        <VirtualRows
          handle={table}
          name="Nodes"
          className="nodes"
          columns={columns}
          rows={names}
          renderRow={(name, rowIndex) => {
            const row = byName.get(name);
            if (row === undefined) return null;
            const speeds = snapshot.nodeTotals.get(name) ?? noSpeeds;
            return <NodeItem row={row} speeds={speeds} now={snapshot.now} rowIndex={rowIndex} kiosk={search.kiosk} />;
          }}
          onRow={(node) => void navigate({ to: "/", search: { node, ...kiosk } })}
          list={list}
          listRef={setList}
          estimate={estimate}
        />
      </div>
    </>
  );
}

const noSpeeds: readonly number[] = [];

function NodeSummary({ rows, shown }: { rows: readonly NodeRow[]; shown: number }) {
  const silent = rows.filter((row) => !row.node.reporting).length;
  const all = rows.length.toLocaleString("en");
  return (
    <>
      <output className={silent > 0 ? "node-summary node-summary-silent" : "node-summary"}>
        {silent === 0 ? "All nodes report" : `${silent.toLocaleString("en")} silent`}
      </output>
      <span className="filter-count quiet" data-testid="filter-count">
        {shown === rows.length
          ? `${all} ${rows.length === 1 ? "node" : "nodes"}`
          : `${shown.toLocaleString("en")} of ${all} nodes`}
      </span>
    </>
  );
}
