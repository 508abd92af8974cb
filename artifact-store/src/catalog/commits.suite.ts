import { openDatabase, sql, type Database } from "@waybill/foundation/database";
import { createEventLog, eventLogMigrations, type EventLog } from "@waybill/foundation/eventlog";
import { testDatabaseUrl, type DatabaseKind, type TestDatabase } from "@waybill/foundation/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { digestOf } from "../digest/index.ts";
import { parseRepositoryName } from "../names/index.ts";
import { becomeWriter, Commits, ensureRepository, repositoryId, storeMigrations, type StoreTables } from "./index.ts";

const names = Array.from({ length: 20 }, (_, index) => parseRepositoryName(`acme/app-${index}`));
const digest = digestOf(Buffer.from("blob"));

/** What a change may rely on, whichever database holds the catalog. */
export function describeCommits(kind: DatabaseKind): void {
  describe(`commits on ${kind}`, () => {
    let server: TestDatabase;
    let database: Database<StoreTables>;
    let events: EventLog;
    let commits: Commits;
    let transactions = 0;

    beforeEach(async () => {
      server = await testDatabaseUrl(kind);
      database = await openDatabase<StoreTables>({
        url: server.url,
        migrations: [storeMigrations, eventLogMigrations],
      });
      events = createEventLog({ database, stream: "store" });
      transactions = 0;
      commits = new Commits(database, events, {
        guard: async () => {
          transactions++;
          await Promise.resolve();
        },
      });
    });
    afterEach(async () => {
      events.close();
      await database.close();
      await server.drop();
    });

    const push = (index: number) =>
      commits.commit(async (tx, tell) => {
        tell({ type: "blob.stored", repository: names[index]!, digest, size: index });
        return await ensureRepository(tx, names[index]!, 1);
      });

    it("of changes that come at once are few, and each is told what became of its own", async () => {
      const ids = await Promise.all(names.map((_, index) => push(index)));
      expect(new Set(ids).size).toBe(names.length);
      expect(transactions).toBeLessThanOrEqual(2);
      const told = await events.read({ after: 0, limit: 100 });
      expect(told.map(({ data }) => (data as { size: number }).size)).toEqual(names.map((_, index) => index));
    });

    it("of which one fails take nothing from the others, and leave nothing of the one", async () => {
      const failing = commits.commit(async (tx, tell) => {
        tell({ type: "blob.stored", repository: names[1]!, digest, size: 1 });
        await ensureRepository(tx, names[1]!, 1);
        throw new Error("no");
      });
      const outcomes = await Promise.allSettled([push(0), failing, push(2)]);
      expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
      expect(await repositoryId(database.read, names[1]!)).toBeUndefined();
      const told = await events.read({ after: 0, limit: 100 });
      expect(told.map(({ data }) => (data as { size: number }).size)).toEqual([0, 2]);
    });

    it("decide upon what they have read: no other one comes between", async () => {
      let running = 0;
      const meetings = await Promise.all(
        names.map((name) =>
          commits.commit(async (tx) => {
            const met = running++;
            await ensureRepository(tx, name, 1);
            await repositoryId(tx, name);
            running--;
            return met;
          }),
        ),
      );
      expect(Math.max(...meetings)).toBe(0);
    });

    // SQLite's last commit ends with its process.
    if (kind === "sqlite") return;
    it("wait for what the server is still about for a process that is gone", async () => {
      const before = await openDatabase<StoreTables>({
        url: server.url,
        migrations: [storeMigrations, eventLogMigrations],
      });
      let commitIt = (): void => {};
      let isWriter = (): void => {};
      const became = new Promise<void>((resolve) => (isWriter = resolve));
      const last = before.transaction(async (tx) => {
        await becomeWriter(tx, before.dialect);
        await ensureRepository(tx, names[0]!, 1);
        isWriter();
        await new Promise<void>((resolve) => (commitIt = resolve));
      });
      await became;
      const order: string[] = [];
      const seen = commits.commit(async (tx) => {
        order.push("the next one decides");
        return await repositoryId(tx, names[0]!);
      });
      // It is at the lock, and nowhere else.
      const waiting = async (): Promise<unknown[]> =>
        (
          await sql`select 1 from pg_locks join pg_database d on d.oid = database
          where locktype = 'advisory' and not granted and datname = current_database()`.execute(database.read)
        ).rows;
      await expect.poll(waiting, { timeout: 30_000 }).toHaveLength(1);
      order.push("the last one commits");
      commitIt();
      await last;
      expect(await seen).toBeTypeOf("number");
      expect(order).toEqual(["the last one commits", "the next one decides"]);
      await before.close();
    });
  });
}
