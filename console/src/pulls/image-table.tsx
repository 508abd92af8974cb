import type { Ref } from "react";
import { type RowsHandle, VirtualRows } from "../list/index.ts";
import type { PullEntry } from "../live/index.ts";
import { rollOutOf, type ImageGroup } from "./grouping.ts";
import { ImageDetail } from "./image-detail.tsx";
import { ImageRow } from "./image-row.tsx";

interface ImageTableProps {
  readonly handle: Ref<RowsHandle>;
  readonly list: HTMLDivElement | null;
  readonly listRef: (element: HTMLDivElement | null) => void;
  readonly entries: ReadonlyMap<string, PullEntry>;
  readonly byNode: ReadonlyMap<string, readonly PullEntry[]>;
  readonly groups: ReadonlyMap<string, ImageGroup>;
  /** Keys of the groups in their order. */
  readonly rows: readonly string[];
  readonly opened: string | undefined;
  readonly onToggle: (key: string) => void;
  /** The server's clock, ms. */
  readonly now: number;
  /** Until when the pulls are known: `now`, or when the line was cut. */
  readonly knownUntil: number;
  /** The pulls are those of a list that may be a minute old. */
  readonly listed: boolean;
}

const columns = ["Image", "Roll-out", "Nodes", "Speed", "Slowest node, next try", "Waiting pods", "Age"] as const;
const estimate = { wide: 3.25, narrow: 6.5 };

/** One row per image: on how many nodes it is, and which one is behind. */
export function ImageTable(props: ImageTableProps) {
  const { entries, byNode, groups, rows, opened, now, knownUntil } = props;
  return (
    <VirtualRows
      handle={props.handle}
      name="Pulls by image"
      className="images"
      columns={columns}
      rows={rows}
      renderRow={(key, rowIndex) => {
        const group = groups.get(key);
        if (group === undefined) return null;
        const rollOut = rollOutOf(group, entries);
        const open = key === opened;
        return (
          <>
            <ImageRow
              group={group}
              rollOut={rollOut}
              byNode={byNode}
              now={now}
              knownUntil={knownUntil}
              open={open}
              rowIndex={rowIndex}
            />
            {open ? (
              // oxlint-disable-next-line jsx-a11y/prefer-tag-over-role -- a part of the virtual list
              <div role="row" className="row-detail" aria-rowindex={rowIndex}>
                {/* oxlint-disable-next-line jsx-a11y/prefer-tag-over-role -- as above */}
                <div role="cell" aria-colspan={columns.length}>
                  <ImageDetail group={group} rollOut={rollOut} byNode={byNode} now={knownUntil} listed={props.listed} />
                </div>
              </div>
            ) : null}
          </>
        );
      }}
      onRow={props.onToggle}
      list={props.list}
      listRef={props.listRef}
      estimate={estimate}
    />
  );
}
