import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type DatabaseKind, startProcess, testDatabaseUrl, type TestDatabase } from "../testing/index.ts";
import {
  ConstraintError,
  type Database,
  type DatabaseLimits,
  DatabaseMisuse,
  DatabaseUnavailable,
  isDuplicate,
  type Kysely,
  type MigrationSet,
  openDatabase,
  preparedQuery,
  sql,
} from "./index.ts";
import { pairMigrations, type PairTables } from "./testing/pair-migrations.ts";

interface Tables {
  depot: { id: number; name: string; town: string };
  parcel: { id: number; depot: number; weight: number; note: string | null; label: Uint8Array | null };
}

const parcels: MigrationSet = {
  scope: "parcels",
  migrations: [
    {
      name: "depot",
      sql: "create table depot (id bigint primary key, name text not null, town text not null, unique (town, name))",
    },
    {
      name: "parcel",
      sql: {
        sqlite: `create table parcel (id bigint primary key, depot bigint not null references depot,
          weight bigint not null check (weight >= 0), note text, label blob);`,
        postgres: `create table parcel (id bigint primary key, depot bigint not null references depot,
          weight bigint not null check (weight >= 0), note text, label bytea);`,
      },
    },
  ],
};

function depot(id: number): Tables["depot"] {
  return { id, name: `depot ${id}`, town: "Aachen" };
}

/** A point in one flow that another waits for. */
function gate(): { readonly reached: Promise<void>; open(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { reached: promise, open: resolve };
}

/** What `Database` promises, on one kind of database. */
export function databaseSuite(kind: DatabaseKind): void {
  describe(`a database on ${kind}`, () => {
    let place: TestDatabase;
    let database: Database<Tables>;
    const others: Database<Tables>[] = [];

    async function openAgain(limits: Partial<DatabaseLimits>): Promise<Database<Tables>> {
      const other = await openDatabase<Tables>({ url: place.url, migrations: [parcels], limits });
      others.push(other);
      return other;
    }
    const addDepot = (id: number): Promise<unknown> =>
      database.transaction((tx) => tx.insertInto("depot").values(depot(id)).execute());
    const depotIds = async (): Promise<number[]> =>
      (await database.read.selectFrom("depot").select("id").orderBy("id").execute()).map((row) => row.id);

    beforeEach(async () => {
      place = await testDatabaseUrl(kind);
      database = await openDatabase<Tables>({ url: place.url, migrations: [parcels] });
    });
    afterEach(async () => {
      await Promise.all([database, ...others.splice(0)].map((one) => one.close()));
      await place.drop();
    });

    describe("transactions", () => {
      it("keep what they did and give their result", async () => {
        const result = await database.transaction(async (tx) => {
          await tx.insertInto("depot").values(depot(1)).execute();
          return "done";
        });
        expect(result).toBe("done");
        expect(await database.read.selectFrom("depot").selectAll().execute()).toEqual([depot(1)]);
      });

      it("keep nothing when their work throws, and give the same error", async () => {
        const error = new Error("changed my mind");
        const attempt = database.transaction(async (tx) => {
          await tx.insertInto("depot").values(depot(1)).execute();
          throw error;
        });
        await expect(attempt).rejects.toBe(error);
        expect(await depotIds()).toEqual([]);
      });

      it("lose no update, however many run at once", async () => {
        await addDepot(1);
        await database.transaction((tx) =>
          tx.insertInto("parcel").values({ id: 1, depot: 1, weight: 0, note: null, label: null }).execute(),
        );
        await Promise.all(
          Array.from({ length: 40 }, () =>
            database.transaction((tx) =>
              tx
                .updateTable("parcel")
                .set((is) => ({ weight: is("weight", "+", 1) }))
                .where("id", "=", 1)
                .execute(),
            ),
          ),
        );
        const row = await database.read.selectFrom("parcel").select("weight").executeTakeFirstOrThrow();
        expect(row.weight).toBe(40);
      });

      it("are refused inside a transaction instead of waiting for it for ever", async () => {
        const attempt = database.transaction(async (tx) => {
          await tx.insertInto("depot").values(depot(1)).execute();
          await addDepot(2);
        });
        await expect(attempt).rejects.toThrow(/pass its `tx` along/);
        await expect(attempt).rejects.toBeInstanceOf(DatabaseMisuse);
        expect(await depotIds()).toEqual([]);
      });

      it("may be started by what a finished transaction left running", async () => {
        const finished = gate();
        let later: Promise<unknown> = Promise.resolve();
        await database.transaction(async (tx) => {
          await tx.insertInto("depot").values(depot(1)).execute();
          later = finished.reached.then(() => addDepot(2));
        });
        finished.open();
        await later;
        expect(await depotIds()).toEqual([1, 2]);
      });

      it("do nothing through a `tx` that is over", async () => {
        let kept: Parameters<Parameters<typeof database.transaction>[0]>[0] | undefined;
        await database.transaction(async (tx) => {
          kept = tx;
        });
        await expect(kept?.insertInto("depot").values(depot(1)).execute()).rejects.toThrow(/commit/);
        expect(await depotIds()).toEqual([]);
      });

      it("commit nothing after a statement failed, even when its error is caught", async () => {
        await addDepot(1);
        const attempt = database.transaction(async (tx) => {
          await tx.insertInto("depot").values(depot(2)).execute();
          await tx
            .insertInto("depot")
            .values(depot(1))
            .execute()
            .catch(() => {});
        });
        await expect(attempt).rejects.toThrow(/A statement of this transaction failed/);
        await expect(
          database.transaction(async (tx) => {
            await tx
              .insertInto("depot")
              .values(depot(1))
              .execute()
              .catch(() => {});
            await tx.insertInto("depot").values(depot(3)).execute();
          }),
        ).rejects.toThrow(/A statement of this transaction failed/);
        expect(await depotIds()).toEqual([1]);
      });

      it("are rolled back when they send no statement for too long, and hold nobody up", async () => {
        const impatient = await openAgain({ idleTransactionTimeoutMs: 150 });
        const asleep = impatient.transaction(async (tx) => {
          await tx.insertInto("depot").values(depot(1)).execute();
          await sleep(700);
          await tx.insertInto("depot").values(depot(2)).execute();
        });
        const awake = impatient.transaction((tx) => tx.insertInto("depot").values(depot(3)).execute());
        await expect(asleep).rejects.toMatchObject({ status: 503 });
        await awake;
        expect(await depotIds()).toEqual([3]);
      });

      it("that find no free connection in time say so", async () => {
        const narrow = await openAgain({ acquireTimeoutMs: 100, connections: 1 });
        const end = gate();
        const holding = narrow.transaction(async (tx) => {
          await tx.insertInto("depot").values(depot(1)).execute();
          await end.reached;
        });
        await expect(narrow.transaction(async () => {})).rejects.toBeInstanceOf(DatabaseUnavailable);
        end.open();
        await holding;
        await narrow.transaction((tx) => tx.insertInto("depot").values(depot(2)).execute());
        expect(await depotIds()).toEqual([1, 2]);
      });
    });

    describe("reads", () => {
      it("see what is committed and do not wait while a transaction is open", async () => {
        await addDepot(1);
        const written = gate();
        const end = gate();
        const writing = database.transaction(async (tx) => {
          await tx.insertInto("depot").values(depot(2)).execute();
          await tx.updateTable("depot").set({ name: "changed" }).where("id", "=", 1).execute();
          written.open();
          await end.reached;
        });
        await written.reached;
        expect(await database.read.selectFrom("depot").selectAll().execute()).toEqual([depot(1)]);
        end.open();
        await writing;
        expect(await depotIds()).toEqual([1, 2]);
      });

      it("cannot change anything", async () => {
        await expect(database.read.insertInto("depot").values(depot(1)).execute()).rejects.toThrow(
          /use `database.transaction`/,
        );
        expect(await depotIds()).toEqual([]);
      });

      it("cannot open a transaction, and are not streamed", async () => {
        await expect(database.read.transaction().execute(async () => {})).rejects.toThrow(/use `database.transaction`/);
        await expect(async () => {
          for await (const row of database.read.selectFrom("depot").selectAll().stream()) expect(row).toBeUndefined();
        }).rejects.toThrow(/read a page by key/);
      });
    });

    describe("prepared queries", () => {
      const inTown = preparedQuery(
        ["town", "least"],
        (from: Kysely<Tables>, parameter: { town: string; least: number }) =>
          from
            .selectFrom("depot")
            .select("id")
            .where("town", "=", parameter.town)
            .where("id", ">=", parameter.least)
            .where("name", "!=", "depot 3")
            .orderBy("id"),
      );

      it("answer each call by its own parameters, in and out of a transaction", async () => {
        await database.transaction(async (tx) => {
          for (const id of [1, 2, 3, 4]) await tx.insertInto("depot").values(depot(id)).execute();
          expect(await inTown(tx, { town: "Aachen", least: 4 })).toEqual([{ id: 4 }]);
        });
        expect(await inTown(database.read, { town: "Aachen", least: 2 })).toEqual([{ id: 2 }, { id: 4 }]);
        expect(await inTown(database.read, { town: "Aachen", least: 1 })).toEqual([{ id: 1 }, { id: 2 }, { id: 4 }]);
        expect(await inTown(database.read, { town: "' or 1=1 --", least: 1 })).toEqual([]);
      });
    });

    describe("onCommit", () => {
      it("is called once it is committed, in order, before the transaction resolves", async () => {
        const calls: string[] = [];
        await database
          .transaction(async (tx) => {
            database.onCommit(tx, () => calls.push("first"));
            await tx.insertInto("depot").values(depot(1)).execute();
            database.onCommit(tx, () => calls.push("second"));
            calls.push("work");
          })
          .then(() => calls.push("resolved"));
        expect(calls).toEqual(["work", "first", "second", "resolved"]);
      });

      it("finds the change in the database", async () => {
        let seen: Promise<number[]> = Promise.resolve([]);
        await database.transaction(async (tx) => {
          database.onCommit(tx, () => {
            seen = depotIds();
          });
          await tx.insertInto("depot").values(depot(1)).execute();
        });
        expect(await seen).toEqual([1]);
      });

      it("is never called after a rollback", async () => {
        const calls: string[] = [];
        await expect(
          database.transaction(async (tx) => {
            database.onCommit(tx, () => calls.push("called"));
            await tx.insertInto("depot").values(depot(1)).execute();
            await tx.insertInto("depot").values(depot(1)).execute();
          }),
        ).rejects.toBeInstanceOf(ConstraintError);
        expect(calls).toEqual([]);
      });

      it("that throws becomes a warning, and the commit stands", async () => {
        const warned = new Promise<Error>((resolve) => void process.once("warning", resolve));
        const calls: string[] = [];
        await database.transaction(async (tx) => {
          database.onCommit(tx, () => {
            throw new Error("listener broke");
          });
          database.onCommit(tx, () => calls.push("next"));
          await tx.insertInto("depot").values(depot(1)).execute();
        });
        expect((await warned).message).toBe("listener broke");
        expect(calls).toEqual(["next"]);
        expect(await depotIds()).toEqual([1]);
      });

      it("refuses a transaction that is over, or another database's", async () => {
        const other = await openAgain({});
        await database.transaction(async (tx) => {
          expect(() => other.onCommit(tx, () => {})).toThrow(DatabaseMisuse);
        });
        let kept: Parameters<typeof database.onCommit>[0] | undefined;
        await database.transaction(async (tx) => {
          kept = tx;
        });
        expect(() => database.onCommit(kept!, () => {})).toThrow(DatabaseMisuse);
      });
    });

    describe("values", () => {
      const insert = (values: Partial<Tables["parcel"]>): Promise<unknown> =>
        database.transaction((tx) =>
          tx
            .insertInto("parcel")
            .values({ id: 1, depot: 1, weight: 0, note: null, label: null, ...values })
            .execute(),
        );

      it("come back as they went in: text of any script, bytes, integers up to 2^53 - 1, null", async () => {
        await addDepot(1);
        const row = {
          id: 7,
          depot: 1,
          weight: Number.MAX_SAFE_INTEGER,
          note: "ß 東京 🚚 \u{1}'\"\\",
          label: Buffer.from([0, 255, 1]),
        };
        await insert(row);
        await insert({ id: 8 });
        const rows = await database.read.selectFrom("parcel").selectAll().orderBy("id").execute();
        expect(rows.map((one) => ({ ...one, label: one.label === null ? null : Buffer.from(one.label) }))).toEqual([
          row,
          { id: 8, depot: 1, weight: 0, note: null, label: null },
        ]);
      });

      it("that are sums and counts are numbers", async () => {
        await addDepot(1);
        await insert({ id: 1, weight: 2 ** 40 });
        await insert({ id: 2, weight: 1 });
        const row = await database.read
          .selectFrom("parcel")
          .select((is) => [is.fn.sum("weight").as("sum"), is.fn.countAll().as("count"), is.fn.max("weight").as("max")])
          .executeTakeFirst();
        expect(row).toEqual({ sum: 2 ** 40 + 1, count: 2, max: 2 ** 40 });
      });

      it("beyond 2^53 are an error, never rounded", async () => {
        await expect(sql`select 9007199254740993 as big`.execute(database.read)).rejects.toThrow(/too large/);
        // … and the connection lives on.
        expect(await depotIds()).toEqual([]);
      });

      it.each([
        ["a boolean", true],
        ["undefined", undefined],
        ["a date", new Date(0)],
        ["an object", { a: 1 }],
        ["not a number", Number.NaN],
        ["an infinite number", Number.POSITIVE_INFINITY],
        ["a string with NUL", "a\0b"],
      ])("that would differ between databases are refused: %s", async (_, value) => {
        await expect(sql`select ${value} as value`.execute(database.read)).rejects.toBeInstanceOf(DatabaseMisuse);
      });

      it("that are text sort by their bytes and keep their case in `like`", async () => {
        const names = ["b", "a", "B", "A", "é", "_", "a-b", "aa", "Z", "z", "9", "-"];
        await database.transaction((tx) =>
          tx
            .insertInto("depot")
            .values(names.map((name, id) => ({ id, name, town: "x" })))
            .execute(),
        );
        const rows = await database.read.selectFrom("depot").select("name").orderBy("name").execute();
        expect(rows.map((row) => row.name)).toEqual([...names].sort());
        const after = await database.read.selectFrom("depot").select("name").where("name", ">", "Z").execute();
        expect(after.map((row) => row.name).sort()).toEqual(names.filter((name) => name > "Z").sort());
        const like = await database.read.selectFrom("depot").select("name").where("name", "like", "a%").execute();
        expect(like.map((row) => row.name).sort()).toEqual(["a", "a-b", "aa"]);
      });

      it("are never taken for statements", async () => {
        const name = `'; drop table depot; --`;
        await database.transaction((tx) => tx.insertInto("depot").values({ id: 1, name, town: "x" }).execute());
        const row = await database.read.selectFrom("depot").select("name").where("name", "=", name).executeTakeFirst();
        expect(row?.name).toBe(name);
      });
    });

    describe("broken rules of the schema", () => {
      const fail = (values: object): Promise<unknown> =>
        database
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

      it("say which kind it was, and for duplicates which columns", async () => {
        await addDepot(1);
        const error = await database
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
        const primary = await database
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
        await database.transaction((tx) => tx.insertInto("depot").values({ id: 1, name: secret, town: "x" }).execute());
        const error = await database
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
        await database.check();
        await database.close();
        await expect(database.check()).rejects.toBeInstanceOf(DatabaseUnavailable);
      });

      it("close waits for running transactions and refuses later ones", async () => {
        const end = gate();
        const writing = database.transaction(async (tx) => {
          await tx.insertInto("depot").values(depot(1)).execute();
          await end.reached;
          await tx.insertInto("depot").values(depot(2)).execute();
        });
        const closing = Promise.all([database.close(), database.close()]);
        await expect(database.transaction(async () => {})).rejects.toMatchObject({ reason: "closed" });
        end.open();
        await writing;
        await closing;
        await expect(depotIds()).rejects.toBeInstanceOf(DatabaseUnavailable);
        const again = await openAgain({});
        expect(await again.read.selectFrom("depot").select("id").orderBy("id").execute()).toEqual([
          { id: 1 },
          { id: 2 },
        ]);
      });

      it("keeps every acknowledged transaction whole when the process is killed in the middle", async () => {
        for (const acknowledged of [1, 7, 25]) {
          const kill = await testDatabaseUrl(kind);
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
