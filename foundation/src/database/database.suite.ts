import { describe, expect, it } from "vitest";
import { type DatabaseKind, startProcess, testDatabaseUrl } from "../testing/index.ts";
import { ConstraintError, DatabaseUnavailable, isDuplicate, openDatabase } from "./index.ts";
import { querySuite } from "./queries.suite.ts";
import { pairMigrations, type PairTables } from "./testing/pair-migrations.ts";
import { depot, gate, ParcelDatabase } from "./testing/parcel-database.ts";
import { transactionSuite } from "./transactions.suite.ts";

/** What `Database` promises, on one kind of database. */
export function databaseSuite(kind: DatabaseKind): void {
  describe(`a database on ${kind}`, () => {
    const here = new ParcelDatabase(kind);
    transactionSuite(here);
    querySuite(here);

    describe("broken rules of the schema", () => {
      const fail = (values: object): Promise<unknown> =>
        here.database
          .transaction((tx) =>
            tx
              .insertInto("parcel")
              .values({ id: 1, depot: 1, weight: 0, note: null, label: null, ...values })
              .execute(),
          )
          .then(
            () => undefined,
            (error: unknown) => error,
          );

      it("say which here.kind it was, and for duplicates which columns", async () => {
        await here.addDepot(1);
        const error = await here.database
          .transaction((tx) =>
            tx
              .insertInto("depot")
              .values({ ...depot(1), id: 2 })
              .execute(),
          )
          .catch((thrown: unknown) => thrown);
        expect(error).toMatchObject({ constraint: "unique", table: "depot", columns: ["town", "name"] });
        expect(isDuplicate(error)).toBe(true);
        expect(isDuplicate(error, "name")).toBe(true);
        expect(isDuplicate(error, "id")).toBe(false);
        expect(await fail({ depot: 99 })).toMatchObject({ constraint: "foreign-key" });
        expect(await fail({ weight: -1 })).toMatchObject({ constraint: "check" });
        expect(await fail({ weight: null })).toMatchObject({ constraint: "not-null", columns: ["weight"] });
        const primary = await here.database
          .transaction((tx) =>
            tx
              .insertInto("depot")
              .values({ ...depot(2), id: 1 })
              .execute(),
          )
          .catch((thrown: unknown) => thrown);
        expect(isDuplicate(primary, "id")).toBe(true);
      });

      it("tell nothing of the values", async () => {
        const secret = "hunter2";
        await here.database.transaction((tx) =>
          tx.insertInto("depot").values({ id: 1, name: secret, town: "x" }).execute(),
        );
        const error = await here.database
          .transaction((tx) => tx.insertInto("depot").values({ id: 2, name: secret, town: "x" }).execute())
          .catch((thrown: unknown) => thrown);
        expect(error).toBeInstanceOf(ConstraintError);
        expect(JSON.stringify(error, Object.getOwnPropertyNames(error)) + String((error as Error).cause)).not.toContain(
          secret,
        );
      });
    });

    describe("life", () => {
      it("check passes while it works and fails when it is closed", async () => {
        await here.database.check();
        await here.database.close();
        await expect(here.database.check()).rejects.toBeInstanceOf(DatabaseUnavailable);
      });

      it("close waits for running transactions and refuses later ones", async () => {
        const end = gate();
        const writing = here.database.transaction(async (tx) => {
          await tx.insertInto("depot").values(depot(1)).execute();
          await end.reached;
          await tx.insertInto("depot").values(depot(2)).execute();
        });
        const closing = Promise.all([here.database.close(), here.database.close()]);
        await expect(here.database.transaction(async () => {})).rejects.toMatchObject({ reason: "closed" });
        end.open();
        await writing;
        await closing;
        await expect(here.depotIds()).rejects.toBeInstanceOf(DatabaseUnavailable);
        const again = await here.openAgain({});
        expect(await again.read.selectFrom("depot").select("id").orderBy("id").execute()).toEqual([
          { id: 1 },
          { id: 2 },
        ]);
      });

      it("keeps every acknowledged transaction whole when the process is killed in the middle", async () => {
        for (const acknowledged of [1, 7, 25]) {
          const kill = await testDatabaseUrl(here.kind);
          const writer = startProcess(new URL("./testing/pair-writer.process.ts", import.meta.url), [kill.url]);
          let last = 0;
          for await (const line of writer.lines) {
            last = Number(line);
            if (last >= acknowledged) break;
          }
          await writer.kill();
          const survived = await openDatabase<PairTables>({ url: kill.url, migrations: [pairMigrations] });
          const rows = await survived.read.selectFrom("half").selectAll().orderBy("pair").orderBy("side").execute();
          await survived.transaction((tx) => tx.insertInto("half").values({ pair: 0, side: "after" }).execute());
          await survived.close();
          await kill.drop();
          const pairs = rows.length / 2;
          expect(pairs).toBeGreaterThanOrEqual(last);
          expect(rows).toEqual(
            Array.from({ length: pairs }, (_, index) => [
              { pair: index + 1, side: "left" },
              { pair: index + 1, side: "right" },
            ]).flat(),
          );
        }
      });
    });
  });
}
