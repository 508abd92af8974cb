import { setTimeout as sleep } from "node:timers/promises";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Database, openDatabase } from "../database/index.ts";
import { type DatabaseKind, startProcess, testDatabaseUrl, type TestDatabase } from "../testing/index.ts";
import { createEventLog, type EventLog, eventLogMigrations, EventsGone, type NewEvent } from "./index.ts";

/** The log brings its own tables; nothing else is asked of the database. */
type Empty = object;

/** Follows a log from its beginning until `last` numbers were seen; gives them as they came. */
async function tail(log: EventLog, last: () => number, limit: number): Promise<{ number: number; subject: string }[]> {
  const seen: { number: number; subject: string }[] = [];
  const { signal } = new AbortController();
  for (let after = 0; after < last();) {
    await log.wait({ after, timeoutMs: 5000, signal });
    if (signal.aborted) throw new Error(`only ${after} of ${last()} events came`);
    const events = await log.read({ after, limit });
    seen.push(...events.map(({ number, subject }) => ({ number, subject })));
    after = events.at(-1)?.number ?? after;
  }
  return seen;
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}

/** What `EventLog` promises, on one kind of database. */
export function eventLogSuite(kind: DatabaseKind): void {
  describe(`an event log on ${kind}`, () => {
    let place: TestDatabase;
    let database: Database<Empty>;
    let log: EventLog;
    const signal = new AbortController().signal;
    const event = (subject: string, rest: Partial<NewEvent> = {}): NewEvent => ({
      type: "parcel.sent",
      subject,
      ...rest,
    });
    const append = (...events: NewEvent[]): Promise<void> => database.transaction((tx) => log.append(tx, events));
    const appendMany = (count: number): Promise<void> =>
      append(...Array.from({ length: count }, (_, index) => event(`event ${index + 1}`)));
    const numbers = async (after: number, limit = 1000): Promise<number[]> =>
      (await log.read({ after, limit })).map((one) => one.number);

    beforeEach(async () => {
      place = await testDatabaseUrl(kind);
      database = await openDatabase<Empty>({ url: place.url, migrations: [eventLogMigrations] });
      log = createEventLog({ database, stream: "parcels" });
    });
    afterEach(async () => {
      log.close();
      await database.close();
      await place.drop();
    });

    describe("events", () => {
      it("come back as they were written, numbered from 1", async () => {
        const before = Date.now();
        await append(event("a", { tenant: "acme", data: { weight: 1.5, note: "ß \0 🚚", list: [null, true] } }));
        await append(event("b"), event("c", { data: "text" }));
        const events = await log.read({ after: 0, limit: 10 });
        expect(events).toMatchObject([
          {
            number: 1,
            type: "parcel.sent",
            subject: "a",
            tenant: "acme",
            data: { weight: 1.5, note: "ß \0 🚚", list: [null, true] },
          },
          { number: 2, type: "parcel.sent", subject: "b", tenant: null, data: null },
          { number: 3, type: "parcel.sent", subject: "c", tenant: null, data: "text" },
        ]);
        for (const { time } of events) {
          expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
          expect(Date.parse(time)).toBeGreaterThanOrEqual(before);
        }
      });

      it("share the fate of their transaction, and a rollback uses up no number", async () => {
        await append(event("a"));
        const undone = database.transaction(async (tx) => {
          await log.append(tx, [event("x"), event("y")]);
          throw new Error("undo");
        });
        await expect(undone).rejects.toThrow("undo");
        await append(event("b"));
        expect((await log.read({ after: 0, limit: 10 })).map((one) => [one.number, one.subject])).toEqual([
          [1, "a"],
          [2, "b"],
        ]);
      });

      it("of one transaction may be appended in several steps, and none at all is harmless", async () => {
        await database.transaction(async (tx) => {
          await log.append(tx, [event("a")]);
          await log.append(tx, []);
          await log.append(tx, [event("b"), event("c")]);
        });
        expect(await numbers(0)).toEqual([1, 2, 3]);
      });

      it("of several streams are numbered each by itself", async () => {
        const other = createEventLog({ database, stream: "letters" });
        await append(event("a"), event("b"));
        await database.transaction((tx) => other.append(tx, [event("c")]));
        expect((await other.read({ after: 0, limit: 10 })).map((one) => [one.number, one.subject])).toEqual([[1, "c"]]);
        expect(await log.newest()).toBe(2);
        other.close();
      });

      it("that the wire could not carry are refused, and their transaction with them", async () => {
        await expect(append(event("a"), { type: "two words", subject: "x" })).rejects.toThrow(/printable ASCII/);
        await expect(append({ type: "line\nbreak", subject: "x" })).rejects.toThrow(/printable ASCII/);
        await expect(append(event("x".repeat(2001)))).rejects.toThrow(/2000 characters/);
        await expect(append(event("x", { data: "x".repeat(300_000) }))).rejects.toThrow(/bytes of JSON/);
        expect(await log.newest()).toBe(0);
      });

      it("by the thousand fit one transaction", async () => {
        await appendMany(2500);
        const all = [await numbers(0), await numbers(1000), await numbers(2000)].flat();
        expect(all).toEqual(upTo(2500));
      });
    });

    describe("reading", () => {
      it("starts after any number that is kept and ends at the limit", async () => {
        await appendMany(10);
        expect(await numbers(0, 3)).toEqual([1, 2, 3]);
        expect(await numbers(7)).toEqual([8, 9, 10]);
        expect(await numbers(10)).toEqual([]);
      });

      it("of one tenant shows that tenant's events only, and says how far it looked", async () => {
        await append(
          event("a", { tenant: "acme" }),
          event("b"),
          event("c", { tenant: "other" }),
          event("d", { tenant: "acme" }),
        );
        await append(event("e", { tenant: "other" }));
        const page = await log.page({ after: 0, limit: 10, tenant: "acme" });
        expect(page.events.map((one) => one.subject)).toEqual(["a", "d"]);
        expect(page).toMatchObject({ upTo: 5, oldest: 1, newest: 5 });
        expect(await log.page({ after: 0, limit: 1, tenant: "acme" })).toMatchObject({ upTo: 1 });
        expect(await log.page({ after: 4, limit: 10, tenant: "acme" })).toMatchObject({ events: [], upTo: 5 });
        expect(await log.page({ after: 0, limit: 10, tenant: "nobody" })).toMatchObject({ events: [], upTo: 5 });
      });

      it("an empty stream finds nothing", async () => {
        expect(await log.page({ after: 0, limit: 10 })).toEqual({ events: [], upTo: 0, oldest: 1, newest: 0 });
        expect([await log.oldest(), await log.newest()]).toEqual([1, 0]);
      });

      it("beyond the end is refused: the stream was started anew", async () => {
        await appendMany(3);
        await expect(log.read({ after: 4, limit: 10 })).rejects.toThrow(/the newest is 3/);
      });

      it("with a senseless number or limit is refused", async () => {
        await expect(log.read({ after: -1, limit: 10 })).rejects.toThrow(RangeError);
        await expect(log.read({ after: 0.5, limit: 10 })).rejects.toThrow(RangeError);
        await expect(log.read({ after: 0, limit: 0 })).rejects.toThrow(RangeError);
        await expect(log.read({ after: 0, limit: 1001 })).rejects.toThrow(RangeError);
      });
    });

    describe("trimming", () => {
      it("forgets what is below, and says so to whoever asks for it", async () => {
        await appendMany(10);
        await log.trim({ before: 6 });
        expect([await log.oldest(), await log.newest()]).toEqual([6, 10]);
        expect(await numbers(5)).toEqual([6, 7, 8, 9, 10]);
        const attempt = log.read({ after: 4, limit: 10 });
        await expect(attempt).rejects.toBeInstanceOf(EventsGone);
        await expect(attempt).rejects.toMatchObject({ status: 410, code: "EVENTS_GONE" });
      });

      it("never goes back, nor beyond the end; numbering goes on", async () => {
        await appendMany(5);
        await log.trim({ before: 4 });
        await log.trim({ before: 2 });
        expect(await log.oldest()).toBe(4);
        await log.trim({ before: 1_000_000 });
        expect([await log.oldest(), await log.newest()]).toEqual([6, 5]);
        await append(event("next"));
        expect(await numbers(5)).toEqual([6]);
      });

      it("a long stream leaves no row behind, in steps that let others write", async () => {
        for (let batch = 0; batch < 6; batch++) await appendMany(2000);
        await Promise.all([log.trim({ before: 11_001 }), append(event("meanwhile"))]);
        expect(await log.oldest()).toBe(11_001);
        const left = await database
          .as<{ event: { number: number } }>()
          .read.selectFrom("event")
          .select((is) => [is.fn.countAll().as("count"), is.fn.min("number").as("least")])
          .executeTakeFirst();
        expect(left).toEqual({ count: 1001, least: 11_001 });
      });

      it("an unknown stream is harmless", async () => {
        await log.trim({ before: 100 });
        expect(await log.oldest()).toBe(1);
      });
    });

    describe("waiting", () => {
      it("ends with the commit, and the events are there", async () => {
        let woken = false;
        const waiting = log.wait({ after: 0, timeoutMs: 60_000, signal }).then(() => (woken = true));
        await database.transaction(async (tx) => {
          await log.append(tx, [event("a")]);
          await sleep(50);
          expect(woken).toBe(false);
        });
        await waiting;
        expect(await numbers(0)).toEqual([1]);
      });

      it("goes on after a rollback", async () => {
        const wait = log.wait({ after: 0, timeoutMs: 60_000, signal }).then(() => "over");
        await database
          .transaction(async (tx) => {
            await log.append(tx, [event("a")]);
            throw new Error("undo");
          })
          .catch(() => {});
        expect(await Promise.race([wait, sleep(50).then(() => "still waiting")])).toBe("still waiting");
        await database.transaction((tx) => log.append(tx, [event("b")]));
        expect(await wait).toBe("over");
        expect(await numbers(0)).toEqual([1]);
      });

      it("is over at once when there is more already, though written by another process", async () => {
        const other = await openDatabase<Empty>({ url: place.url, migrations: [eventLogMigrations] });
        const otherLog = createEventLog({ database: other, stream: "parcels" });
        await other.transaction((tx) => otherLog.append(tx, [event("a")]));
        await log.wait({ after: 0, timeoutMs: 60_000, signal });
        expect(await numbers(0)).toEqual([1]);
        const waiting = log.wait({ after: 1, timeoutMs: 60_000, signal });
        await sleep(20);
        await other.transaction((tx) => otherLog.append(tx, [event("b")]));
        await waiting;
        expect(await numbers(1)).toEqual([2]);
        otherLog.close();
        await other.close();
      });

      it("ends with its time, its signal, or the log", async () => {
        const started = performance.now();
        await log.wait({ after: 0, timeoutMs: 20, signal });
        const abort = new AbortController();
        const aborted = log.wait({ after: 0, timeoutMs: 60_000, signal: abort.signal });
        abort.abort();
        await aborted;
        const closed = log.wait({ after: 0, timeoutMs: 60_000, signal });
        log.close();
        await closed;
        await log.wait({ after: 0, timeoutMs: 60_000, signal });
        expect(performance.now() - started).toBeLessThan(60_000);
      });
    });

    describe("a reader that goes on after the last number it saw", () => {
      const attempt = fc.record({
        size: fc.integer({ min: 1, max: 4 }),
        undo: fc.boolean(),
        pauseMs: fc.integer({ min: 0, max: 3 }),
      });
      const plan = fc.record({
        writers: fc.array(fc.array(attempt, { minLength: 1, maxLength: 6 }), { minLength: 2, maxLength: 6 }),
        limit: fc.integer({ min: 1, max: 20 }),
      });

      it("sees 1..n, each once and in order, whoever writes at once and rolls back", async () => {
        let stream = 0;
        await fc.assert(
          fc.asyncProperty(plan, async ({ writers, limit }) => {
            const one = createEventLog({ database, stream: `property ${++stream}` });
            const kept = writers.flat().filter((attempt) => !attempt.undo);
            const total = kept.reduce((sum, attempt) => sum + attempt.size, 0);
            const reading = tail(one, () => total, limit);
            await Promise.all(
              writers.map(async (attempts) => {
                for (const { size, undo, pauseMs } of attempts) {
                  const events = Array.from({ length: size }, () => event(undo ? "undone" : "kept"));
                  await database
                    .transaction(async (tx) => {
                      await sleep(pauseMs);
                      await one.append(tx, events);
                      await sleep(pauseMs);
                      if (undo) throw new Error("undo");
                    })
                    .catch((error: unknown) => {
                      if (!undo) throw error;
                    });
                }
              }),
            );
            const seen = await reading;
            one.close();
            expect(seen.map((event) => event.number)).toEqual(upTo(total));
            expect(seen.every((event) => event.subject === "kept")).toBe(true);
            expect(await one.newest()).toBe(total);
          }),
          { numRuns: 12 },
        );
      });

      it("sees everything that several processes write, each once and in order", async () => {
        const script = new URL("./testing/event-writer.process.ts", import.meta.url);
        const names = ["north", "south", "west"];
        const each = 120;
        const reading = tail(log, () => names.length * each, 50);
        const writers = names.map((name) => startProcess(script, [place.url, "parcels", name, String(each)]));
        await Promise.all(writers.map((writer) => writer.finished()));
        const seen = await reading;
        expect(seen.map((event) => event.number)).toEqual(upTo(names.length * each));
        for (const name of names) {
          const own = seen.map((event) => event.subject).filter((subject) => subject.startsWith(`${name}-`));
          expect(own).toEqual(Array.from({ length: each }, (_, index) => `${name}-${index}`));
        }
      });
    });
  });
}
