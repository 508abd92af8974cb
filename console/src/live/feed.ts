import {
  isRunning,
  type NodeStatus,
  type PageSummary,
  type PageWaits,
  type PullEvent,
} from "@waybill/pulltrace/contract";
import type { StreamMessage } from "./messages.ts";
import { type Fetch, fetchPullList, followEvents, isRecord, RequestFailed, ServerFull, SignedOut } from "./requests.ts";
import { isTooMuch, mostLayersFollowed, readUpdate } from "./page-updates.ts";
import { longestSilenceMs } from "./silence.ts";
import { applyEvents, applyList, dropExpired, type NumberedEvent, type PullsState } from "./state.ts";

export type Connection =
  | { readonly kind: "connecting" }
  | { readonly kind: "live" }
  /** `reason` can be shown to a person; `retryAt` is the server's clock in ms, as `FeedSnapshot.now`. */
  | { readonly kind: "reconnecting"; readonly reason: string; readonly retryAt: number }
  | { readonly kind: "signed-out" };

/** What the page draws. A new object for each change, and once per second. */
export interface FeedSnapshot {
  /** Absent until the first list came. */
  readonly state?: PullsState;
  /** Nodes of the last list; fresher ones come from `/api/v1/nodes`. */
  readonly nodes: readonly NodeStatus[];
  readonly connection: Connection;
  /** The server's clock now, ms. */
  readonly now: number;
  /**
   * Present while more is being pulled than a browser can follow: the first 200 rows are live, of the others the page
   * knows what the list said. `waits` is absent with a server that does not tell it.
   */
  readonly summarised?: { readonly summary: PageSummary; readonly waits?: PageWaits; readonly listedAt: number };
  /** Milliseconds since anything (also a heartbeat) was heard. */
  readonly silentMs: number;
  /** Total bytes per second, one value per second while live, oldest first. */
  readonly totals: readonly number[];
  /** The same for each node that is or was pulling while the page stood. */
  readonly nodeTotals: ReadonlyMap<string, readonly number[]>;
}

export interface FeedOptions {
  /** Origin of the server; empty for the page's own. */
  readonly base: string;
  readonly fetch: Fetch;
  /** Runs a draw soon, at most once per frame. */
  readonly schedule: (draw: () => void) => void;
  /** Waits before the next try, ms; each one is stretched by up to a quarter so that pages do not come back at once. */
  readonly retryMs?: readonly number[];
  /** So long without a byte, or without an answer, and a request is given up (ms). */
  readonly silenceMs?: number;
  /** A stream that the server ends after having been open for so long (ms) is taken up again without a word. */
  readonly quietAfterMs?: number;
  /** With more unfinished layers than this the page follows the server's summary. */
  readonly mostLayers?: number;
  /** With more being pulled than can be followed the list is read anew so often (ms). */
  readonly relistMs?: number;
  readonly clock?: () => number;
}

export interface Feed {
  start(): void;
  stop(): void;
  /** Tries again now: after signing in, or because a person asks. */
  retry(): void;
  /** Called by a thin timer each second: ages, history, the total's sparkline. */
  tick(): void;
  readonly subscribe: (listener: () => void) => () => void;
  readonly snapshot: () => FeedSnapshot;
}

/** A server may not put a page off for longer than this by a line of its stream. */
const longestAskedMs = 10_000;
const keptTotals = 90;
const keptNodeTotals = 40;

/**
 * Keeps the state of all pulls true: fetches the list, follows the events from there, and after every break goes on at
 * the event where it stopped. An event named `reset` (the server cannot resume from there) fetches the list anew.
 */
export function createFeed(o: FeedOptions): Feed {
  const clock = o.clock ?? Date.now;
  const retryMs = o.retryMs ?? [500, 1000, 2000, 4000, 8000];
  const silenceMs = o.silenceMs ?? longestSilenceMs;
  const mostLayers = o.mostLayers ?? mostLayersFollowed;
  const listeners = new Set<() => void>();
  let state: PullsState | undefined;
  let nodes: readonly NodeStatus[] = [];
  let totals: readonly number[] = [];
  let nodeTotals: ReadonlyMap<string, readonly number[]> = new Map();
  let connection: Connection = { kind: "connecting" };
  let summary: PageSummary | undefined;
  let waits: PageWaits | undefined;
  let listedAt = 0;
  let clockOffset = 0;
  let heardAt = clock();
  let pending: NumberedEvent[] = [];
  let scheduled = false;
  let run: AbortController | undefined;
  let wake: (() => void) | undefined;
  let current: FeedSnapshot = { nodes, connection, now: clock(), silentMs: 0, totals, nodeTotals };

  function publish(): void {
    if (state !== undefined && pending.length > 0) state = applyEvents(state, pending, clock() + clockOffset);
    pending = [];
    const now = clock();
    current = {
      ...(state === undefined ? {} : { state }),
      nodes,
      connection,
      ...(summary === undefined
        ? {}
        : { summarised: { summary, ...(waits === undefined ? {} : { waits }), listedAt } }),
      now: now + clockOffset,
      silentMs: Math.max(0, now - heardAt),
      totals,
      nodeTotals,
    };
    for (const listener of listeners) listener();
  }

  function draw(): void {
    if (scheduled) return;
    scheduled = true;
    o.schedule(() => {
      scheduled = false;
      publish();
    });
  }

  function connect(next: Connection): void {
    connection = next;
    draw();
  }

  async function takeList(signal: AbortSignal): Promise<string> {
    const list = await fetchPullList(o.fetch, o.base, signal, silenceMs);
    heardAt = clock();
    const serverNow = Date.parse(list.serverTime);
    clockOffset = Number.isNaN(serverNow) ? 0 : serverNow - clock();
    pending = [];
    state = applyList(state, list, clock() + clockOffset);
    nodes = list.nodes;
    listedAt = clock() + clockOffset;
    if (!isTooMuch(state, mostLayers)) summary = waits = undefined;
    draw();
    return list.lastEventId;
  }

  /** False when the message cannot be read. */
  function takeUpdate(message: StreamMessage): boolean {
    if (state === undefined || message.event !== "page") return true;
    const update = readUpdate(message.data ?? "", state);
    if (update === undefined) return false;
    // At once and not at the next draw: the next update is told as changes of this one.
    state = applyEvents(state, update.events, clock() + clockOffset);
    ({ summary } = update);
    waits = update.waits ?? waits;
    draw();
    return true;
  }

  async function follow(signal: AbortSignal): Promise<void> {
    let lastEventId: string | undefined;
    let attempt = 0;
    let resets = 0;
    let askedMs = 0;
    while (!signal.aborted) {
      let reason = "The server closed the connection.";
      const stream = new AbortController();
      let reset = false;
      let openedAt: number | undefined;
      let leastWait = 0;
      let relist = false;
      let timer: ReturnType<typeof setTimeout> | undefined;
      try {
        lastEventId ??= await takeList(signal);
        const whole = state === undefined || !isTooMuch(state, mostLayers);
        if (!whole) {
          // Never all pages at once.
          const wait = pause([o.relistMs ?? 60_000], 0, 0);
          timer = setTimeout(() => {
            relist = true;
            stream.abort();
          }, wait);
        }
        await followEvents(o.fetch, o.base, {
          ...(whole ? { lastEventId } : {}),
          signal: AbortSignal.any([signal, stream.signal]),
          silenceMs,
          onOpen() {
            attempt = 0;
            openedAt = clock();
            heardAt = clock();
            connect({ kind: "live" });
          },
          onBytes() {
            heardAt = clock();
          },
          onRetry(milliseconds) {
            askedMs = Math.min(milliseconds, longestAskedMs);
          },
          onMessage(message) {
            if (!whole) {
              reset = !takeUpdate(message);
              if (reset) stream.abort();
              else resets = 0;
              return;
            }
            if (message.data === undefined && message.event !== "reset") {
              lastEventId = message.id;
              return;
            }
            const event = message.event === "reset" ? undefined : asPullEvent(message.data ?? "");
            if (event === undefined) {
              reset = true;
              stream.abort();
              return;
            }
            resets = 0;
            lastEventId = message.id;
            pending.push({ id: message.id, event });
            draw();
          },
        });
        // Servers end streams now and then by design (they re-check the reader's rights): no reason to alarm anybody.
        if (!reset && openedAt !== undefined && clock() - openedAt >= (o.quietAfterMs ?? 10_000)) continue;
      } catch (error) {
        if (signal.aborted) return;
        // What was passed over while the line was cut only a list can tell.
        if (timer !== undefined) lastEventId = undefined;
        if (relist) continue;
        if (error instanceof SignedOut) return connect({ kind: "signed-out" });
        reason = "No connection to the server.";
        if (error instanceof RequestFailed || error instanceof RangeError) {
          reason = error.message;
          // The server refused to go on from there, or sent what cannot be read: only a fresh list is safe. One that is
          // full only wants to be asked later.
          if (error instanceof ServerFull) leastWait = error.retryAfterMs;
          else lastEventId = undefined;
        }
      } finally {
        clearTimeout(timer);
        stream.abort();
      }
      // A stream that stood is none of those that are reset again and again, though nothing was told on it.
      if (openedAt !== undefined && clock() - openedAt >= (o.quietAfterMs ?? 10_000)) resets = 0;
      // What the server asks for (`Retry-After`, `retry:`) is a least time, and is stretched like the others.
      let wait = pause(retryMs, attempt, Math.max(leastWait, attempt === 0 ? askedMs : 0));
      attempt += 1;
      if (reset) {
        lastEventId = undefined;
        reason = "The server was restarted, or this page fell too far behind; fetching the list anew.";
        // The first reset is answered at once; a server that keeps on resetting is asked ever more slowly.
        wait = resets === 0 ? 0 : pause(retryMs, resets, 0);
        resets += 1;
      }
      connect({ kind: "reconnecting", reason, retryAt: clock() + clockOffset + wait });
      await sleep(wait, signal);
    }
  }

  function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(done, milliseconds);
      function done(): void {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        wake = undefined;
        resolve();
      }
      wake = done;
      signal.addEventListener("abort", done);
    });
  }

  function start(): void {
    if (run !== undefined) return;
    run = new AbortController();
    const mine = run;
    void follow(mine.signal).finally(() => {
      if (run === mine) run = undefined;
    });
  }

  return {
    start,
    stop() {
      run?.abort();
      run = undefined;
    },
    retry() {
      if (run === undefined) {
        connect({ kind: "connecting" });
        start();
      } else wake?.();
    },
    tick() {
      if (state !== undefined) {
        state = dropExpired(state, clock() + clockOffset);
        if (connection.kind === "live") {
          const speeds = nodeSpeeds(state);
          let sum = 0;
          for (const speed of speeds.values()) sum += speed;
          totals = [...totals.slice(1 - keptTotals), summary?.bytesPerSec ?? sum];
          nodeTotals = withSpeeds(nodeTotals, speeds);
        }
      }
      draw();
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    snapshot: () => current,
  };
}

/** Bytes per second of the running pulls, by node. */
function nodeSpeeds(state: PullsState): ReadonlyMap<string, number> {
  const speeds = new Map<string, number>();
  for (const { pull } of state.entries.values()) {
    if (!isRunning(pull)) continue;
    speeds.set(pull.nodeName, (speeds.get(pull.nodeName) ?? 0) + Math.max(0, pull.bytesPerSec));
  }
  return speeds;
}

/** A second later. A node whose line has run flat is forgotten. */
function withSpeeds(
  before: ReadonlyMap<string, readonly number[]>,
  speeds: ReadonlyMap<string, number>,
): ReadonlyMap<string, readonly number[]> {
  const after = new Map<string, readonly number[]>();
  for (const name of new Set([...before.keys(), ...speeds.keys()])) {
    const values = [...(before.get(name) ?? []).slice(1 - keptNodeTotals), speeds.get(name) ?? 0];
    if (speeds.has(name) || values.some((value) => value > 0)) after.set(name, values);
  }
  return after;
}

function pause(waits: readonly number[], attempt: number, least: number): number {
  const base = waits[Math.min(attempt, waits.length - 1)] ?? 1000;
  return Math.max(base, least) * (1 + Math.random() / 4);
}

/** Absent when it is not an event we understand: then the list is fetched anew, rather than showing half the truth. */
function asPullEvent(data: string): PullEvent | undefined {
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    return undefined;
  }
  if (!isRecord(value) || typeof value["type"] !== "string") return undefined;
  return value as unknown as PullEvent;
}
