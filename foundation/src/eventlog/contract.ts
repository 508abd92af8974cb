import type { Transaction } from "../database/index.ts";
import { Problem } from "../errors/index.ts";

/** Something that happened, as it is stored and as it goes over the wire. */
export interface StoredEvent {
  /** 1, 2, 3, … within the stream, in the order in which the changes became visible. */
  readonly number: number;
  /** RFC 3339 in UTC with milliseconds, by the clock of the machine that wrote it: for people; `number` is the order. */
  readonly time: string;
  /** What happened, e.g. `artifact.pushed`. */
  readonly type: string;
  /** What it happened to. */
  readonly subject: string;
  /** Whose it is, by name; null when it belongs to no tenant. */
  readonly tenant: string | null;
  readonly data: unknown;
}

export interface NewEvent {
  /** Printable ASCII without blanks, at most 200 characters. */
  readonly type: string;
  /** At most 2000 characters. */
  readonly subject: string;
  readonly tenant?: string;
  /** Anything that JSON can hold, at most 64 KiB of it; null when absent. */
  readonly data?: unknown;
}

/** A stretch of a stream, as one moment saw it. */
export interface EventPage {
  readonly events: StoredEvent[];
  /**
   * Everything up to this number has been looked at: where the next page starts. With a tenant it may lie beyond the last
   * event, since numbers of others are passed over.
   */
  readonly upTo: number;
  /** The lowest number that is kept; `newest + 1` when none is. */
  readonly oldest: number;
  /** The highest number ever given; 0 when there was none. */
  readonly newest: number;
}

/**
 * An append-only stream of events in a database. Several streams share the tables; each is numbered by itself.
 *
 * - An event is part of the transaction that made the change: both are there, or neither.
 * - Numbers have no gaps, and whoever sees number n sees all below it that are kept: a reader that goes on after the last
 *   number it saw misses nothing and gets nothing twice, whichever processes write.
 */
export interface EventLog {
  /**
   * Writes events as part of `tx`, in the given order. Call it last: on PostgreSQL it holds the stream's counter until the
   * commit, and other writers of the stream wait for it.
   */
  append<S>(tx: Transaction<S>, events: readonly NewEvent[]): Promise<void>;
  /**
   * Events with a number above `after`, at most `limit` (1..1000), of one tenant when one is named.
   * @throws EventsGone when some after `after` are no longer kept, or `after` has never been.
   */
  read(range: EventRange): Promise<StoredEvent[]>;
  /** As `read`, with the bounds of the stream at the same moment. */
  page(range: EventRange): Promise<EventPage>;
  /** The lowest number that is kept; `newest() + 1` when none is. */
  oldest(): Promise<number>;
  /** The highest number ever given; 0 when there was none. */
  newest(): Promise<number>;
  /**
   * Resolves when the stream has a number above `after`, the time is over, `signal` is aborted or the log is closed; read
   * to know which. At once for what this process writes, within a second for what others write.
   */
  wait(what: { readonly after: number; readonly timeoutMs: number; readonly signal: AbortSignal }): Promise<void>;
  /** Forgets events with a number below `before`, a few thousand at a time so that writers get their turns. */
  trim(what: { readonly before: number }): Promise<void>;
  /** Aborted by `close`. */
  readonly closed: AbortSignal;
  /** Wakes everybody who waits and ends streams. The database stays open. */
  close(): void;
}

export interface EventRange {
  readonly after: number;
  readonly limit: number;
  readonly tenant?: string;
}

/** A reader cannot go on where it stopped: over HTTP, 410. It has to look at the present state, then follow from there. */
export class EventsGone extends Problem {
  constructor(after: number, bounds: { readonly oldest: number; readonly newest: number }) {
    super({
      code: "EVENTS_GONE",
      status: 410,
      title: "These events are no longer kept",
      detail:
        after > bounds.newest
          ? `There is no event ${after} yet: the newest is ${bounds.newest}. The stream was started anew or restored from a ` +
            "backup; read the present state and follow from `after=latest`."
          : `Events after ${after} are asked for, but the oldest kept is ${bounds.oldest}. Read the present state and follow ` +
            `from \`after=latest\`, or replay what is kept from \`after=${bounds.oldest - 1}\`.`,
    });
  }
}
