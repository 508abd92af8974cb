/* oxlint-disable jsx-a11y/prefer-tag-over-role -- the rows of a virtual list are positioned, which a <table> cannot do */
import { defaultRangeExtractor, type Range, useWindowVirtualizer } from "@tanstack/react-virtual";
import { type ReactNode, type Ref, useCallback, useEffect, useImperativeHandle, useMemo, useRef } from "react";
import { firstVisible, focusRow, useOffset, useRowEvents } from "./row-events.ts";

export interface RowsHandle {
  /** Moves the focus to the next or previous row. */
  moveRow(step: 1 | -1): void;
}

interface VirtualRowsProps {
  readonly handle: Ref<RowsHandle>;
  readonly name: string;
  readonly className: string;
  readonly columns: readonly string[];
  /** Ids in the order in which the rows stand. */
  readonly rows: readonly string[];
  /** A line that is no row of its own stands before the row with this index. */
  readonly dividerAt?: number;
  readonly divider?: ReactNode;
  /**
   * Draws the row: an element with role `row`, its id as `data-row`, and in it one control `.row-toggle` that takes the
   * focus. `rowIndex` is its position in the whole table, the header being 1.
   */
  readonly renderRow: (id: string, rowIndex: number) => ReactNode;
  /** Somebody clicked into a row, but not to select text. */
  readonly onRow: (id: string) => void;
  /** The element that holds the rows, once it is there, and who wants to know it. */
  readonly list: HTMLDivElement | null;
  readonly listRef: (element: HTMLDivElement | null) => void;
  /** Heights in rem before a row was measured. */
  readonly estimate: { readonly wide: number; readonly narrow: number };
}

/** A table whose rows exist only near the screen. Row heights come from the style sheet and are measured. */
export function VirtualRows(props: VirtualRowsProps) {
  const { list, rows, onRow, columns, estimate } = props;
  const dividerAt = props.dividerAt ?? rows.length;
  const divider = dividerAt < rows.length ? 1 : 0;
  // Stable functions: with new ones the virtualizer would measure all rows anew at every draw.
  const idAt = useCallback(
    (index: number) => (index < dividerAt ? rows[index] : index === dividerAt ? undefined : rows[index - 1]),
    [rows, dividerAt],
  );
  const keyAt = useCallback((index: number) => idAt(index) ?? "divider", [idAt]);
  const heightAt = useMemo(() => {
    const heights = estimatedHeights(estimate);
    return (index: number) => (index === dividerAt ? heights.divider : heights.row);
  }, [dividerAt, estimate]);
  const focused = useRef<string | undefined>(undefined);
  const margin = useOffset(list);

  // oxlint-disable-next-line react/incompatible-library -- it only says that the compiler, unused here, skips this component
  const virtualizer = useWindowVirtualizer({
    count: rows.length + divider,
    estimateSize: heightAt,
    overscan: 6,
    scrollMargin: margin,
    getItemKey: keyAt,
    rangeExtractor: (range) => withFocused(range, focused.current, idAt),
    useFlushSync: false,
  });

  useRowEvents(list, focused, onRow);
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
      virtualizer.scrollToIndex(next < dividerAt ? next : next + divider, { align: "auto" });
      // One that was pending must not take the focus back later: a press of the key would be lost.
      pending.current = focusRow(list, id) ? undefined : id;
    },
  }));

  return (
    <div
      role="table"
      aria-label={props.name}
      aria-rowcount={rows.length + 1}
      aria-colcount={columns.length}
      className={`rows ${props.className}`}
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
          return (
            <div
              key={item.key}
              role="presentation"
              className="item"
              data-index={item.index}
              ref={virtualizer.measureElement}
              style={{ transform: `translateY(${item.start - margin}px)` }}
            >
              {id === undefined
                ? props.divider
                : props.renderRow(id, item.index + 2 - (item.index > dividerAt ? divider : 0))}
            </div>
          );
        })}
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

/** In pixels. */
function estimatedHeights(estimate: VirtualRowsProps["estimate"]): { row: number; divider: number } {
  const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize) || 16;
  const narrow = document.documentElement.clientWidth < 52.5 * rem;
  return { row: (narrow ? estimate.narrow : estimate.wide) * rem, divider: 2.25 * rem };
}
