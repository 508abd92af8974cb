import { setMaxListeners } from "node:events";
import type { Database, Transaction } from "../database/index.ts";
import {
  type EventLog,
  type EventPage,
  type EventRange,
  EventsGone,
  type NewEvent,
  type StoredEvent,
} from "./contract.ts";
import type { EventTables } from "./tables.ts";
import { Waiters } from "./waiters.ts";

export const LARGEST_PAGE = 1000;
/** A page of the largest events still fits memory. */
const LARGEST_DATA = 64 * 1024;
/** Rows of one statement; 7 parameters each, and SQLite takes 32 766. */
const ROWS_AT_ONCE = 1000;
const TRIMMED_AT_ONCE = 5000;

/**
 * The stream `stream` of a database that has `eventLogMigrations`. Make one for a process and share it: it wakes only
 * those who wait on itself at once.
 */
export function createEventLog<S>(options: { readonly database: Database<S>; readonly stream: string }): EventLog {
  return new DatabaseEventLog(options.database.as<EventTables>(), options.stream);
}

class DatabaseEventLog implements EventLog {
  readonly #database: Database<EventTables>;
  readonly #stream: string;
  readonly #waiters: Waiters;
  readonly #closing = new AbortController();

  constructor(database: Database<EventTables>, stream: string) {
    this.#database = database;
    this.#stream = stream;
    this.#waiters = new Waiters(() => this.newest());
    setMaxListeners(0, this.#closing.signal); // one for everybody who waits
  }

  get closed(): AbortSignal {
    return this.#closing.signal;
  }

  async append<S>(transaction: Transaction<S>, events: readonly NewEvent[]): Promise<void> {
    if (events.length === 0) return;
    const bodies = events.map(dataOf);
    // The tables of the log are in the caller's database too; its type just does not say so.
    const tx = transaction as unknown as Transaction<EventTables>;
    const newest = await this.#take(tx, events.length);
    const time = Date.now();
    const rows = events.map((event, index) => ({
      stream: this.#stream,
      number: newest - events.length + 1 + index,
      time,
      type: event.type,
      subject: event.subject,
      tenant: event.tenant ?? null,
      data: bodies[index] ?? "null",
    }));
    for (let start = 0; start < rows.length; start += ROWS_AT_ONCE) {
      await tx
        .insertInto("event")
        .values(rows.slice(start, start + ROWS_AT_ONCE))
        .execute();
    }
    this.#database.onCommit(tx, () => this.#waiters.grown(newest));
  }

  async read(range: EventRange): Promise<StoredEvent[]> {
    return (await this.page(range)).events;
  }

  async page({ after, limit, tenant }: EventRange): Promise<EventPage> {
    if (!Number.isSafeInteger(after) || after < 0) throw new RangeError("`after` is a number of an event, or 0");
    if (!Number.isSafeInteger(limit) || limit < 1 || limit > LARGEST_PAGE) {
      throw new RangeError(`\`limit\` is 1..${LARGEST_PAGE}`);
    }
    // One statement, so one moment: the bounds are those at which the events were seen, whatever is trimmed meanwhile.
    const rows = await this.#database.read
      .selectFrom("event_stream as s")
      .leftJoin(
        (query) => {
          const ofStream = query
            .selectFrom("event")
            .select(["number", "time", "type", "subject", "tenant", "data"])
            .where("stream", "=", this.#stream)
            .where("number", ">", after)
            .orderBy("number")
            .limit(limit);
          // Without gaps, a page is a range. Saying so keeps PostgreSQL from sorting the whole rest of a stream that it has
          // no statistics of yet.
          return (
            tenant === undefined ? ofStream.where("number", "<=", after + limit) : ofStream.where("tenant", "=", tenant)
          ).as("e");
        },
        (join) => join.onTrue(),
      )
      .select(["s.oldest", "s.newest", "e.number", "e.time", "e.type", "e.subject", "e.tenant", "e.data"])
      .where("s.stream", "=", this.#stream)
      .orderBy("e.number")
      .execute();
    const { oldest, newest } = rows[0] ?? { oldest: 1, newest: 0 };
    if (after < oldest - 1 || after > newest) throw new EventsGone(after, { oldest, newest });
    const events = rows.flatMap(({ number, time, type, subject, tenant: owner, data }) =>
      number === null || time === null || type === null || subject === null || data === null
        ? []
        : [
            {
              number,
              time: new Date(time).toISOString(),
              type,
              subject,
              tenant: owner,
              data: JSON.parse(data) as unknown,
            },
          ],
    );
    const last = events.at(-1);
    return { events, upTo: last !== undefined && events.length === limit ? last.number : newest, oldest, newest };
  }

  async oldest(): Promise<number> {
    return (await this.#bounds())?.oldest ?? 1;
  }

  async newest(): Promise<number> {
    return (await this.#bounds())?.newest ?? 0;
  }

  wait(what: { readonly after: number; readonly timeoutMs: number; readonly signal: AbortSignal }): Promise<void> {
    return this.#waiters.wait(what.after, what.timeoutMs, [what.signal, this.closed]);
  }

  async trim({ before }: { readonly before: number }): Promise<void> {
    const oldest = await this.#moveOldest(before);
    if (oldest === undefined) return;
    // Readers are told by now. An interrupted trim leaves rows behind, so it starts at the lowest row there is.
    for (;;) {
      const lowest = await this.#lowestRow();
      if (lowest === undefined || lowest >= oldest) return;
      const end = Math.min(oldest, lowest + TRIMMED_AT_ONCE);
      await this.#database.transaction((tx) =>
        tx.deleteFrom("event").where("stream", "=", this.#stream).where("number", "<", end).execute(),
      );
    }
  }

  close(): void {
    this.#closing.abort();
  }

  /**
   * Gives out the next `count` numbers and returns the last. The counter's row stays locked until the transaction ends, and
   * a rollback takes the numbers back: so they become visible in order, and none is lost.
   */
  async #take(tx: Transaction<EventTables>, count: number): Promise<number> {
    const { newest } = await tx
      .insertInto("event_stream")
      .values({ stream: this.#stream, oldest: 1, newest: count })
      .onConflict((conflict) =>
        conflict.column("stream").doUpdateSet((row) => ({ newest: row("event_stream.newest", "+", count) })),
      )
      .returning("newest")
      .executeTakeFirstOrThrow();
    return newest;
  }

  /** Raises the lowest kept number; never lowers it, never beyond the end. Undefined when there is no such stream. */
  #moveOldest(before: number): Promise<number | undefined> {
    return this.#database.transaction(async (tx) => {
      // An update first, because it locks the row: what is read before may have changed by then.
      const row = await tx
        .updateTable("event_stream")
        .set((is) => ({ newest: is.ref("newest") }))
        .where("stream", "=", this.#stream)
        .returning(["oldest", "newest"])
        .executeTakeFirst();
      if (row === undefined) return undefined;
      const oldest = Math.max(row.oldest, Math.min(before, row.newest + 1));
      await tx.updateTable("event_stream").set({ oldest }).where("stream", "=", this.#stream).execute();
      return oldest;
    });
  }

  async #lowestRow(): Promise<number | undefined> {
    const row = await this.#database.read
      .selectFrom("event")
      .select("number")
      .where("stream", "=", this.#stream)
      .orderBy("number")
      .limit(1)
      .executeTakeFirst();
    return row?.number;
  }

  #bounds(): Promise<{ oldest: number; newest: number } | undefined> {
    return this.#database.read
      .selectFrom("event_stream")
      .select(["oldest", "newest"])
      .where("stream", "=", this.#stream)
      .executeTakeFirst();
  }
}

/** The event's data as JSON. Everything about the event is checked before the counter is taken. */
function dataOf(event: NewEvent): string {
  if (!/^[\x21-\x7e]{1,200}$/.test(event.type)) {
    throw new TypeError("The type of an event is printable ASCII without blanks, at most 200 characters.");
  }
  if (event.subject.length > 2000) throw new TypeError("The subject of an event has at most 2000 characters.");
  // Undefined for what JSON does not know at all, a function for one; the types of TypeScript leave that out.
  const data = (JSON.stringify(event.data ?? null) as string | undefined) ?? "null";
  if (Buffer.byteLength(data) > LARGEST_DATA) {
    throw new TypeError(`The data of an event is at most ${LARGEST_DATA} bytes of JSON.`);
  }
  return data;
}
