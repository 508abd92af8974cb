import {
  type PageSummary,
  type PageWaits,
  type PullRow,
  type PullRowChange,
  type PullStatus,
  sumWaits,
} from "../contract/index.ts";
import type { NodeState } from "./node.ts";
import { viewFor, type BoardRows } from "./pods/index.ts";
import { isVisible, type ReaderFilter } from "./reader-filter.ts";

/** What a page shows at one moment. */
export interface PageView {
  readonly summary: PageSummary;
  readonly waits: PageWaits;
  /** Running pulls first, newest start first; then finished ones, newest end first. */
  readonly rows: readonly PullStatus[];
}

/** One pass over all pulls; only the first `rows` of them are ever in order. */
export function pageViewOf(
  nodes: Iterable<NodeState>,
  filter: ReaderFilter,
  options: {
    readonly rows: number;
    readonly now: number;
    readonly historyTtlMs: number;
    /** What pods need and nobody pulls. */
    readonly waiting?: Pick<BoardRows, "open" | "ended" | "ids">;
  },
): PageView {
  const running = firstOf(options.rows, (pull) => pull.startedAt);
  const finished = firstOf(options.rows, (pull) => pull.completedAt ?? "");
  const narrowed = [filter.boundTo, filter.tenant, filter.namespace, filter.image].some((one) => one !== undefined);
  const summary = {
    activePulls: 0,
    finishedPulls: 0,
    failedPulls: 0,
    bytesPerSec: 0,
    nodes: 0,
    pullingNodes: 0,
    silentNodes: 0,
  };
  const waits = sumWaits();
  const waitingIds = options.waiting?.ids();
  for (const node of nodes) {
    if (filter.nodeName !== undefined && filter.nodeName !== node.nodeName) continue;
    let active = 0;
    let seen = 0;
    for (const { status } of node.running.values()) {
      if (!isVisible(filter, status)) continue;
      active += 1;
      summary.bytesPerSec += status.bytesPerSec;
      running.add(status);
      waits.add(waitersFor(filter, status));
    }
    for (const { status, endedAt } of node.finished.values()) {
      if (options.now - endedAt >= options.historyTtlMs || !isVisible(filter, status)) continue;
      if (waitingIds?.has(status.id) === true) continue;
      seen += 1;
      if (status.phase !== "done") summary.failedPulls += 1;
      finished.add(status);
      waits.add(status);
    }
    if (narrowed && active + seen === 0) continue;
    summary.activePulls += active;
    summary.finishedPulls += seen;
    if (node.restored === true) continue;
    summary.nodes += 1;
    if (active > 0) summary.pullingNodes += 1;
    if (!node.reporting) summary.silentNodes += 1;
  }
  for (const status of options.waiting?.open() ?? []) {
    if (!isVisible(filter, status)) continue;
    if (status.phase === "failed") summary.failedPulls += 1;
    running.add(status);
    waits.add(waitersFor(filter, status));
  }
  for (const status of options.waiting?.ended() ?? []) {
    if (!isVisible(filter, status)) continue;
    summary.finishedPulls += 1;
    if (status.phase !== "done") summary.failedPulls += 1;
    finished.add(status);
    waits.add(status);
  }
  const rows = [...running.all, ...finished.all].slice(0, options.rows);
  return { summary, waits: waits.result(), rows: rows.map((pull) => viewFor(filter.boundTo, pull)) };
}

/** With the pods that the reader may and wants to hear of. */
function waitersFor({ boundTo, namespace }: ReaderFilter, pull: PullStatus): PullStatus {
  const seen = viewFor(boundTo, pull);
  return namespace === undefined ? seen : { ...seen, pods: seen.pods.filter((pod) => pod.namespace === namespace) };
}

/** Keeps the latest few of many, in order; the id decides between equals, so that the order stays. */
function firstOf(most: number, timeOf: (pull: PullStatus) => string) {
  const all: PullStatus[] = [];
  const isBefore = (a: PullStatus, b: PullStatus): boolean => {
    const [first, second] = [timeOf(a), timeOf(b)];
    return first === second ? a.id < b.id : first > second;
  };
  return {
    all,
    add(pull: PullStatus): void {
      const last = all.at(-1);
      if (all.length >= most && last !== undefined && !isBefore(pull, last)) return;
      let place = all.length;
      for (let before = all[place - 1]; before !== undefined && isBefore(pull, before); before = all[place - 1])
        place -= 1;
      all.splice(place, 0, pull);
      if (all.length > most) all.pop();
    },
  };
}

export function rowOf(pull: PullStatus): PullRow {
  const { layers, ...row } = pull;
  return layers === undefined ? pull : row;
}

/** What leads from one row to the next; undefined when a reader would see no difference. */
export function rowChange(before: PullStatus, after: PullStatus): PullRowChange | undefined {
  if (before === after) return undefined;
  const [old, fresh] = [rowOf(before), rowOf(after)] as readonly Record<string, unknown>[];
  const change: Record<string, unknown> = {};
  for (const field in { ...old, ...fresh }) {
    const value = fresh?.[field];
    if (isSame(old?.[field], value)) continue;
    change[field] = value ?? null;
  }
  const fields = Object.keys(change);
  // That a report came is no news.
  if (fields.length === 0 || (fields.length === 1 && "updatedAt" in change)) return undefined;
  return { id: after.id, ...change };
}

function isSame(a: unknown, b: unknown): boolean {
  return a === b || (typeof a === "object" && typeof b === "object" && JSON.stringify(a) === JSON.stringify(b));
}
