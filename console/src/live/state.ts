import {
  isOver,
  isRunning,
  type LayerStatus,
  type PullEvent,
  type PullList,
  type PullStatus,
} from "@waybill/pulltrace/contract";

/** A pull, and what only this page knows of it. */
export interface PullEntry {
  readonly pull: PullStatus;
  /** Bytes per second of its last reports, oldest first: the sparkline. */
  readonly speeds: readonly number[];
  /** Server time (ms) at which it came in while the page was open; absent for what was there from the start. */
  readonly arrivedAt?: number;
  /** Milliseconds of `pull.startedAt`: ordering compares numbers. */
  readonly startedMs: number;
  /** Milliseconds of `pull.completedAt`, absent until the pull is over. */
  readonly completedMs?: number;
}

/** Everything known of the pulls. Never changed in place: an unchanged pull keeps its entry. */
export interface PullsState {
  readonly entries: ReadonlyMap<string, PullEntry>;
  /**
   * The entries as they were when one came, left, or changed in what filter and order look at. Mere progress keeps it:
   * with 10,000 rows the page need not filter and sort at every draw.
   */
  readonly shape: ReadonlyMap<string, PullEntry>;
  /** Id `<run>-<n>` of the newest event contained. */
  readonly lastEventId: string;
  /** Seconds that finished pulls stay visible. */
  readonly historySeconds: number;
}

export interface NumberedEvent {
  readonly id: string;
  readonly event: PullEvent;
}

const keptSpeeds = 40;

/** Takes a full list over. What was measured of pulls that are still there (sparkline, arrival) is kept. */
export function applyList(previous: PullsState | undefined, list: PullList, now: number): PullsState {
  const entries = new Map<string, PullEntry>();
  for (const pull of list.pulls) {
    const known = previous?.entries.get(pull.id);
    entries.set(pull.id, entryOf(pull, known, previous === undefined ? undefined : now));
  }
  return { entries, shape: entries, lastEventId: list.lastEventId, historySeconds: list.historySeconds };
}

/**
 * Merges events, in the order in which they came. An event that the state already contains (its number in the same run
 * is not newer) changes nothing, so that an overlap after a reconnect doubles nothing. Without effect the same state
 * comes back.
 */
export function applyEvents(state: PullsState, events: readonly NumberedEvent[], now: number): PullsState {
  let entries: Map<string, PullEntry> | undefined;
  let lastEventId = state.lastEventId;
  let reshaped = false;
  for (const { id, event } of events) {
    if (isContained(id, lastEventId)) continue;
    if (id !== "") lastEventId = id;
    entries ??= new Map(state.entries);
    if (event.pull !== undefined) {
      const known = entries.get(event.pull.id);
      reshaped ||= known === undefined || !sameShape(known.pull, event.pull);
      entries.set(event.pull.id, entryOf(event.pull, known, now));
    } else if (event.layer !== undefined) {
      const entry = entries.get(event.layer.pullId);
      if (entry !== undefined) entries.set(entry.pull.id, { ...entry, pull: withLayer(entry.pull, event.layer) });
    }
  }
  if (entries === undefined) return state;
  return { ...state, entries, shape: reshaped ? entries : state.shape, lastEventId };
}

/** Drops finished pulls whose time in the history is over: the server forgets them without an event. */
export function dropExpired(state: PullsState, now: number): PullsState {
  const oldest = now - state.historySeconds * 1000;
  let entries: Map<string, PullEntry> | undefined;
  for (const [id, entry] of state.entries) {
    if (entry.completedMs === undefined || entry.completedMs >= oldest) continue;
    entries ??= new Map(state.entries);
    entries.delete(id);
  }
  return entries === undefined ? state : { ...state, entries, shape: entries };
}

/** True when `id` is not newer than `last`. Ids of different runs of the server cannot be compared: newer. */
export function isContained(id: string, last: string): boolean {
  const [run, number] = splitId(id);
  const [lastRun, lastNumber] = splitId(last);
  return run !== "" && run === lastRun && number <= lastNumber;
}

function splitId(id: string): [run: string, number: number] {
  const dash = id.lastIndexOf("-");
  const number = Number(id.slice(dash + 1));
  return dash <= 0 || !Number.isSafeInteger(number) ? ["", 0] : [id.slice(0, dash), number];
}

function entryOf(pull: PullStatus, known: PullEntry | undefined, now: number | undefined): PullEntry {
  const arrivedAt = known === undefined ? now : known.arrivedAt;
  const completedMs = isOver(pull) ? Date.parse(pull.completedAt ?? pull.updatedAt) : undefined;
  return {
    pull,
    speeds: speedsOf(pull, known),
    startedMs: Date.parse(pull.startedAt) || 0,
    ...(arrivedAt === undefined ? {} : { arrivedAt }),
    ...(completedMs === undefined ? {} : { completedMs: completedMs || 0 }),
  };
}

function sameShape(a: PullStatus, b: PullStatus): boolean {
  return (
    a.phase === b.phase &&
    a.imageRef === b.imageRef &&
    a.nodeName === b.nodeName &&
    a.tenant === b.tenant &&
    a.manifestDigest === b.manifestDigest &&
    a.error === b.error &&
    a.startedAt === b.startedAt &&
    a.completedAt === b.completedAt &&
    a.nextTryAt === b.nextTryAt &&
    a.waitsFor?.kind === b.waitsFor?.kind &&
    a.failure?.code === b.failure?.code &&
    a.pods.length === b.pods.length &&
    a.pods.every(
      (pod, at) =>
        pod.podName === b.pods[at]?.podName &&
        pod.namespace === b.pods[at].namespace &&
        pod.container === b.pods[at].container,
    )
  );
}

function speedsOf(pull: PullStatus, known: PullEntry | undefined): readonly number[] {
  const speed = Math.max(0, pull.bytesPerSec);
  if (known === undefined) return [speed];
  if (known.pull.updatedAt === pull.updatedAt || !isRunning(pull)) return known.speeds;
  return [...known.speeds.slice(1 - keptSpeeds), speed];
}

function withLayer(pull: PullStatus, layer: LayerStatus): PullStatus {
  return { ...pull, layers: pull.layers.map((old) => (old.digest === layer.digest ? layer : old)) };
}
