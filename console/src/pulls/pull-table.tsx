/* oxlint-disable jsx-a11y/prefer-tag-over-role -- the rows of a virtual list are positioned, which a <table> cannot do */
import { defaultRangeExtractor, type Range, useWindowVirtualizer } from "@tanstack/react-virtual";
import { type Ref, useCallback, useEffect, useImperativeHandle, useMemo, useRef } from "react";
import { formatDuration } from "../format/index.ts";
import type { PullEntry } from "../live/index.ts";
import type { Arrangement } from "./arrangement.ts";
import { PullDetail } from "./pull-detail.tsx";
import { PullRow } from "./pull-row.tsx";
import { firstVisible, focusRow, useOffset, useRowEvents } from "./row-events.ts";
import { layerHolders, timeLeft } from "./time-left.ts";

export interface PullTableHandle {
  /** Moves the focus to the next or previous row. */
  moveRow(step: 1 | -1): void;
}

interface PullTableProps {
  readonly handle: Ref<PullTableHandle>;
  /** The element that holds the rows, once it is there, and who wants to know it. */
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
/** A row is marked as new for so long (ms). */
const freshMs = 2_500;

/** The rows: only those on the screen exist. Row heights come from the style sheet and are measured. */
export function PullTable(props: PullTableProps) {
  const { list, entries, arrangement, opened, onToggle, now } = props;
  const { rows, running } = arrangement;
  const divider = running < rows.length ? 1 : 0;
  const count = rows.length + divider;
  // Stable functions: with new ones the virtualizer would measure all rows anew at every draw.
  const idAt = useCallback(
    (index: number) => (index < running ? rows[index] : index === running ? undefined : rows[index - 1]),
    [rows, running],
  );
  const keyAt = useCallback((index: number) => idAt(index) ?? "finished", [idAt]);
  const heightAt = useMemo(() => {
    const heights = estimatedHeights();
    return (index: number) => (index === running ? heights.divider : heights.row);
  }, [running]);
  const focused = useRef<string | undefined>(undefined);
  const margin = useOffset(list);

  // oxlint-disable-next-line react/incompatible-library -- it only says that the compiler, unused here, skips this component
  const virtualizer = useWindowVirtualizer({
    count,
    estimateSize: heightAt,
    overscan: 6,
    scrollMargin: margin,
    getItemKey: keyAt,
    rangeExtractor: (range) => withFocused(range, focused.current, idAt),
    useFlushSync: false,
  });

  useRowEvents(list, focused, onToggle);
  const pending = useRef<string | undefined>(undefined);
  useEffect(() => {
    if (pending.current !== undefined && focusRow(list, pending.current)) pending.current = undefined;
  });
  useImperativeHandle(props.handle, () => ({
    moveRow(step) {
      const at = focused.current === undefined ? -1 : rows.indexOf(focused.current);
      const first = Math.max(0, rows.indexOf(firstVisible(list) ?? ""));
      const next = at < 0 ? first : Math.min(rows.length - 1, Math.max(0, at + step));
      const id = rows[next];
      if (id === undefined) return;
      focused.current = id;
      virtualizer.scrollToIndex(next < running ? next : next + divider, { align: "auto" });
      if (!focusRow(list, id)) pending.current = id;
    },
  }));

  return (
    <div
      role="table"
      aria-label="Pulls"
      aria-rowcount={rows.length + 1}
      aria-colcount={columns.length}
      className="pulls"
    >
      <div role="rowgroup" className="head">
        <div role="row" aria-rowindex={1} className="row row-head">
          {columns.map((name) => (
            <div key={name} role="columnheader" className="cell">
              {name}
            </div>
          ))}
        </div>
      </div>
      <div role="rowgroup" ref={props.listRef} className="body" style={{ height: virtualizer.getTotalSize() }}>
        {virtualizer.getVirtualItems().map((item) => {
          const id = idAt(item.index);
          const entry = id === undefined ? undefined : entries.get(id);
          return (
            <div
              key={item.key}
              role="presentation"
              className="item"
              data-index={item.index}
              ref={virtualizer.measureElement}
              style={{ transform: `translateY(${item.start - margin}px)` }}
            >
              {entry === undefined ? (
                <Divider
                  count={rows.length - running}
                  historySeconds={props.historySeconds}
                  hidden={id !== undefined}
                />
              ) : (
                <Item
                  {...props}
                  entry={entry}
                  rowIndex={item.index + 2 - (item.index > running ? divider : 0)}
                  open={entry.pull.id === opened}
                  now={now}
                />
              )}
            </div>
          );
        })}
      </div>
    </div>
  );
}

function Item({
  entry,
  byNode,
  rowIndex,
  open,
  now,
  knownUntil,
}: PullTableProps & { entry: PullEntry; rowIndex: number; open: boolean }) {
  const { pull } = entry;
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
            <PullDetail pull={pull} holders={holders} now={now} />
          </div>
        </div>
      ) : null}
    </>
  );
}

function Divider({ count, historySeconds, hidden }: { count: number; historySeconds: number; hidden: boolean }) {
  if (hidden) return null;
  return (
    <div role="row" className="row-divider">
      <div role="cell" aria-colspan={columns.length}>
        Finished in the last {formatDuration(historySeconds).replace(" 00 s", "")}{" "}
        <span className="quiet">{count}</span>
      </div>
    </div>
  );
}

/** The focused row stays in the page even when it is scrolled away: its focus would be lost with it. */
function withFocused(range: Range, id: string | undefined, idAt: (index: number) => string | undefined): number[] {
  const indexes = defaultRangeExtractor(range);
  if (id === undefined) return indexes;
  for (let at = 0; at < range.count; at += 1) {
    if (idAt(at) !== id) continue;
    if (!indexes.includes(at)) indexes.push(at);
    break;
  }
  return indexes.sort((a, b) => a - b);
}

/** In pixels; what the style sheet gives, before a row was measured. */
function estimatedHeights(): { row: number; divider: number } {
  const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize) || 16;
  const narrow = window.matchMedia("(max-width: 52.49em)").matches;
  return { row: (narrow ? 6.5 : 3.25) * rem, divider: 2.25 * rem };
}
