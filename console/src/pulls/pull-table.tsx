/* oxlint-disable jsx-a11y/prefer-tag-over-role -- the rows of a virtual list are positioned, which a <table> cannot do */
import type { Ref } from "react";
import { formatDuration } from "../format/index.ts";
import { type RowsHandle, VirtualRows } from "../list/index.ts";
import type { PullEntry } from "../live/index.ts";
import type { Arrangement } from "./arrangement.ts";
import { PullDetail } from "./pull-detail.tsx";
import { PullRow } from "./pull-row.tsx";
import { layerHolders, timeLeft } from "./time-left.ts";

interface PullTableProps {
  readonly handle: Ref<RowsHandle>;
  readonly list: HTMLDivElement | null;
  readonly listRef: (element: HTMLDivElement | null) => void;
  readonly entries: ReadonlyMap<string, PullEntry>;
  readonly byNode: ReadonlyMap<string, readonly PullEntry[]>;
  readonly arrangement: Arrangement;
  readonly opened: string | undefined;
  readonly onToggle: (id: string) => void;
  /** The server's clock, ms. */
  readonly now: number;
  /** Until when the pulls are known: `now`, or when the line was cut. */
  readonly knownUntil: number;
  readonly historySeconds: number;
}

const columns = ["Image", "Node, tenant", "Phase", "Progress", "Speed", "Time left", "Waiting pods", "Age"] as const;
const estimate = { wide: 3.25, narrow: 6.5 };
/** A row is marked as new for so long (ms). */
const freshMs = 2_500;

/** One row per pull: the running ones, a line, the finished ones. */
export function PullTable(props: PullTableProps) {
  const { entries, arrangement, opened } = props;
  const { rows, running } = arrangement;
  return (
    <VirtualRows
      handle={props.handle}
      name="Pulls"
      className="pulls"
      columns={columns}
      rows={rows}
      dividerAt={running}
      divider={<Divider count={rows.length - running} historySeconds={props.historySeconds} />}
      renderRow={(id, rowIndex) => {
        const entry = entries.get(id);
        if (entry === undefined) return null;
        return <Item {...props} entry={entry} rowIndex={rowIndex} open={id === opened} />;
      }}
      onRow={props.onToggle}
      list={props.list}
      listRef={props.listRef}
      estimate={estimate}
    />
  );
}

function Item({
  entry,
  byNode,
  rowIndex,
  open,
  now,
  ...props
}: PullTableProps & { entry: PullEntry; rowIndex: number; open: boolean }) {
  const { pull } = entry;
  // With very many pulls some are known until now, and the others until the last list.
  const knownUntil = Math.min(now, Math.max(props.knownUntil, Date.parse(pull.updatedAt) || 0));
  const holders = layerHolders(pull, byNode.get(pull.nodeName) ?? []);
  const [holder] = holders.values();
  const left = timeLeft(pull, knownUntil, holder);
  const age = Math.floor((now - entry.startedMs) / 1000);
  const fresh = entry.arrivedAt !== undefined && now - entry.arrivedAt < freshMs;
  return (
    <>
      <PullRow entry={entry} left={left} age={age} open={open} fresh={fresh} rowIndex={rowIndex} />
      {open ? (
        <div role="row" className="row-detail" aria-rowindex={rowIndex}>
          <div role="cell" aria-colspan={columns.length}>
            <PullDetail pull={pull} holders={holders} now={knownUntil} />
          </div>
        </div>
      ) : null}
    </>
  );
}

function Divider({ count, historySeconds }: { count: number; historySeconds: number }) {
  return (
    <div role="row" className="row-divider">
      <div role="cell" aria-colspan={columns.length}>
        Finished in the last {formatDuration(historySeconds).replace(" 00 s", "")}{" "}
        <span className="quiet">{count}</span>
      </div>
    </div>
  );
}
