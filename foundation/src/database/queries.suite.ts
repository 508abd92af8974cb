import { describe, expect, it } from "vitest";
import { DatabaseMisuse, type Kysely, preparedQuery, sql } from "./index.ts";
import { depot, gate, type ParcelDatabase, type Tables } from "./testing/parcel-database.ts";

/** What queries may do, and what values become on their way. */
export function querySuite(here: ParcelDatabase): void {
  describe("reads", () => {
    it("see what is committed and do not wait while a transaction is open", async () => {
      await here.addDepot(1);
      const written = gate();
      const end = gate();
      const writing = here.database.transaction(async (tx) => {
        await tx.insertInto("depot").values(depot(2)).execute();
        await tx.updateTable("depot").set({ name: "changed" }).where("id", "=", 1).execute();
        written.open();
        await end.reached;
      });
      await written.reached;
      expect(await here.database.read.selectFrom("depot").selectAll().execute()).toEqual([depot(1)]);
      end.open();
      await writing;
      expect(await here.depotIds()).toEqual([1, 2]);
    });

    it("cannot change anything", async () => {
      await expect(here.database.read.insertInto("depot").values(depot(1)).execute()).rejects.toThrow(
        /use `database.transaction`/,
      );
      expect(await here.depotIds()).toEqual([]);
    });

    it("cannot open a transaction, and are not streamed", async () => {
      await expect(here.database.read.transaction().execute(async () => {})).rejects.toThrow(
        /use `database.transaction`/,
      );
      await expect(async () => {
        for await (const row of here.database.read.selectFrom("depot").selectAll().stream())
          expect(row).toBeUndefined();
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
      await here.database.transaction(async (tx) => {
        for (const id of [1, 2, 3, 4]) await tx.insertInto("depot").values(depot(id)).execute();
        expect(await inTown(tx, { town: "Aachen", least: 4 })).toEqual([{ id: 4 }]);
      });
      expect(await inTown(here.database.read, { town: "Aachen", least: 2 })).toEqual([{ id: 2 }, { id: 4 }]);
      expect(await inTown(here.database.read, { town: "Aachen", least: 1 })).toEqual([{ id: 1 }, { id: 2 }, { id: 4 }]);
      expect(await inTown(here.database.read, { town: "' or 1=1 --", least: 1 })).toEqual([]);
    });
  });

  describe("values", () => {
    const insert = (values: Partial<Tables["parcel"]>): Promise<unknown> =>
      here.database.transaction((tx) =>
        tx
          .insertInto("parcel")
          .values({ id: 1, depot: 1, weight: 0, note: null, label: null, ...values })
          .execute(),
      );

    it("come back as they went in: text of any script, bytes, integers up to 2^53 - 1, null", async () => {
      await here.addDepot(1);
      const row = {
        id: 7,
        depot: 1,
        weight: Number.MAX_SAFE_INTEGER,
        note: "ß 東京 🚚 \u{1}'\"\\",
        label: Buffer.from([0, 255, 1]),
      };
      await insert(row);
      await insert({ id: 8 });
      const rows = await here.database.read.selectFrom("parcel").selectAll().orderBy("id").execute();
      expect(rows.map((one) => ({ ...one, label: one.label === null ? null : Buffer.from(one.label) }))).toEqual([
        row,
        { id: 8, depot: 1, weight: 0, note: null, label: null },
      ]);
    });

    it("that are sums and counts are numbers", async () => {
      await here.addDepot(1);
      await insert({ id: 1, weight: 2 ** 40 });
      await insert({ id: 2, weight: 1 });
      const row = await here.database.read
        .selectFrom("parcel")
        .select((is) => [is.fn.sum("weight").as("sum"), is.fn.countAll().as("count"), is.fn.max("weight").as("max")])
        .executeTakeFirst();
      expect(row).toEqual({ sum: 2 ** 40 + 1, count: 2, max: 2 ** 40 });
    });

    it("beyond 2^53 are an error, never rounded", async () => {
      await expect(sql`select 9007199254740993 as big`.execute(here.database.read)).rejects.toThrow(/too large/);
      // … and the connection lives on.
      expect(await here.depotIds()).toEqual([]);
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
      await expect(sql`select ${value} as value`.execute(here.database.read)).rejects.toBeInstanceOf(DatabaseMisuse);
    });

    it("that are text sort by their bytes and keep their case in `like`", async () => {
      const names = ["b", "a", "B", "A", "é", "_", "a-b", "aa", "Z", "z", "9", "-"];
      await here.database.transaction((tx) =>
        tx
          .insertInto("depot")
          .values(names.map((name, id) => ({ id, name, town: "x" })))
          .execute(),
      );
      const rows = await here.database.read.selectFrom("depot").select("name").orderBy("name").execute();
      expect(rows.map((row) => row.name)).toEqual([...names].sort());
      const after = await here.database.read.selectFrom("depot").select("name").where("name", ">", "Z").execute();
      expect(after.map((row) => row.name).sort()).toEqual(names.filter((name) => name > "Z").sort());
      const like = await here.database.read.selectFrom("depot").select("name").where("name", "like", "a%").execute();
      expect(like.map((row) => row.name).sort()).toEqual(["a", "a-b", "aa"]);
    });

    it("are never taken for statements", async () => {
      const name = `'; drop table depot; --`;
      await here.database.transaction((tx) => tx.insertInto("depot").values({ id: 1, name, town: "x" }).execute());
      const row = await here.database.read
        .selectFrom("depot")
        .select("name")
        .where("name", "=", name)
        .executeTakeFirst();
      expect(row?.name).toBe(name);
    });
  });
}
