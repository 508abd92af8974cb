import type { PullStatus } from "@waybill/pulltrace/contract";

/** What a place in the order depends on: a pull has it, and an image that is rolled out. */
export interface Standing {
  readonly pull: Pick<PullStatus, "id" | "phase">;
  readonly startedMs: number;
  /** Absent while it runs. */
  readonly completedMs?: number;
}

/** The order in which rows stand, as ids. */
export interface Arrangement {
  readonly rows: readonly string[];
  /** So many of `rows`, from the top, are running or have just finished; the rest are the finished ones. */
  readonly running: number;
  /** So many matching pulls wait to come in because the order is held. */
  readonly held: number;
}

export const emptyArrangement: Arrangement = { rows: [], running: 0, held: 0 };

/** A finished pull keeps its place so long (ms), that one sees it end; a failed one longer, that one sees it at all. */
const lingerMs = 5_000;
const failedLingerMs = 60_000;

/**
 * Running pulls from the newest to the oldest, below them the finished ones, the last finished first: no row moves
 * because of its progress. With `held`, while somebody reads, every row of `previous` keeps its place, what is gone
 * leaves, and what is new waits outside.
 */
export function arrange(entries: readonly Standing[], now: number, previous: Arrangement, held: boolean): Arrangement {
  if (held && previous.rows.length > 0) return holdOrder(entries, previous);
  const running: Standing[] = [];
  const finished: Standing[] = [];
  for (const entry of entries) (standsWithRunning(entry, now) ? running : finished).push(entry);
  running.sort((a, b) => b.startedMs - a.startedMs || byId(a, b));
  finished.sort((a, b) => (b.completedMs ?? 0) - (a.completedMs ?? 0) || byId(a, b));
  return { rows: [...running, ...finished].map((entry) => entry.pull.id), running: running.length, held: 0 };
}

function standsWithRunning({ pull, completedMs }: Standing, now: number): boolean {
  return completedMs === undefined || now - completedMs < (pull.phase === "failed" ? failedLingerMs : lingerMs);
}

function holdOrder(entries: readonly Standing[], previous: Arrangement): Arrangement {
  const present = new Set(entries.map((entry) => entry.pull.id));
  const before = new Set(previous.rows);
  const rows = previous.rows.filter((id) => present.has(id));
  const running = previous.rows.slice(0, previous.running).filter((id) => present.has(id)).length;
  let held = 0;
  for (const id of present) if (!before.has(id)) held += 1;
  return { rows, running, held };
}

function byId(a: Standing, b: Standing): number {
  return a.pull.id < b.pull.id ? -1 : 1;
}

/** Remembers the last arrangement, which a held order starts from; another filter (`key`) starts anew. */
export function createArranger(): (
  entries: readonly Standing[],
  now: number,
  key: string,
  held: boolean,
) => Arrangement {
  let last = emptyArrangement;
  let lastKey = "";
  return (entries, now, key, held) => {
    last = arrange(entries, now, key === lastKey ? last : emptyArrangement, held);
    lastKey = key;
    return last;
  };
}
