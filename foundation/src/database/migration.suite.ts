import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type DatabaseKind, startProcess, testDatabaseUrl, type TestDatabase } from "../testing/index.ts";
import { type Migration, MigrationError, type MigrationSet, openDatabase, sql } from "./index.ts";

const first: Migration = {
  name: "depot",
  sql: "create table depot (id bigint primary key);\ninsert into depot values (1);",
};
const second: Migration = {
  name: "town",
  sql: "alter table depot add column town text;\nupdate depot set town = 'Aachen';",
};

function scope(name: string, ...migrations: readonly Migration[]): MigrationSet {
  return { scope: name, migrations };
}

/** What `openDatabase` promises about schemas, on one kind of database. */
export function migrationSuite(kind: DatabaseKind): void {
  describe(`migrations on ${kind}`, () => {
    let place: TestDatabase;
    beforeEach(async () => {
      place = await testDatabaseUrl(kind);
    });
    afterEach(() => place.drop());

    /** Opens with `sets`, gives the rows of a table, closes. */
    async function rowsWith(sets: readonly MigrationSet[], table: string): Promise<unknown[]> {
      const database = await openDatabase<Record<string, Record<string, unknown>>>({
        url: place.url,
        migrations: sets,
      });
      try {
        return (await sql`select * from ${sql.table(table)}`.execute(database.read)).rows;
      } finally {
        await database.close();
      }
    }

    it("are applied in order, once, and later ones are added", async () => {
      expect(await rowsWith([scope("a", first)], "depot")).toEqual([{ id: 1 }]);
      expect(await rowsWith([scope("a", first, second)], "depot")).toEqual([{ id: 1, town: "Aachen" }]);
      expect(await rowsWith([scope("a", first, second)], "depot")).toEqual([{ id: 1, town: "Aachen" }]);
    });

    it("of several owners live side by side, and an absent owner's are left alone", async () => {
      const other = scope("b", { name: "depot", sql: "create table other (id bigint)" });
      await rowsWith([scope("a", first), other], "other");
      expect(await rowsWith([scope("a", first)], "depot")).toEqual([{ id: 1 }]);
      expect(await rowsWith([other, scope("a", first, second)], "depot")).toEqual([{ id: 1, town: "Aachen" }]);
    });

    it("that changed after they were applied stop the program, by name", async () => {
      await rowsWith([scope("a", first, second)], "depot");
      const changed = { ...first, sql: "create table depot (id bigint primary key, name text)" };
      const attempt = rowsWith([scope("a", changed, second)], "depot");
      await expect(attempt).rejects.toBeInstanceOf(MigrationError);
      await expect(attempt).rejects.toThrow(/migration 1 `a\/depot` has changed/);
      await expect(rowsWith([scope("a", second, first)], "depot")).rejects.toThrow(
        /Migration 1 of scope `a` is `town` in this program, but `depot`/,
      );
    });

    it("may be indented anew", async () => {
      await rowsWith([scope("a", first)], "depot");
      const indented = {
        ...first,
        sql: "\r\n    create table depot (id bigint primary key);\r\n  insert into depot values (1);\n",
      };
      expect(await rowsWith([scope("a", indented)], "depot")).toEqual([{ id: 1 }]);
    });

    it("that the program does not know stop it: the database is newer", async () => {
      await rowsWith([scope("a", first, second)], "depot");
      const attempt = rowsWith([scope("a", first)], "depot");
      await expect(attempt).rejects.toThrow(/newer than this program: it has migration 2 `a\/town`/);
      await expect(attempt).rejects.toMatchObject({ advice: expect.stringContaining("later one") as unknown });
    });

    it("that fail leave nothing of themselves, keep those before, and can be mended", async () => {
      const broken = { name: "town", sql: "create table half (id bigint);\ninsert into nowhere values (1);" };
      await expect(rowsWith([scope("a", first, broken)], "depot")).rejects.toThrow(
        /Migration 2 `a\/town` failed and was undone: .*nowhere/,
      );
      await expect(rowsWith([scope("a", first)], "half")).rejects.toThrow(/half/);
      expect(await rowsWith([scope("a", first, second)], "depot")).toEqual([{ id: 1, town: "Aachen" }]);
    });

    it("may not commit by themselves", async () => {
      const sly = { name: "sly", sql: "create table sly (id bigint);\ncommit;" };
      await expect(rowsWith([scope("a", sly)], "sly")).rejects.toThrow(/must not commit/);
    });

    it("are refused when a name is given twice", async () => {
      await expect(rowsWith([scope("a", first), scope("a", second)], "depot")).rejects.toThrow(
        /scope `a` is given twice/,
      );
      await expect(rowsWith([scope("a", first, first)], "depot")).rejects.toThrow(/`a\/depot` is given twice/);
    });

    it("run once each when several processes start together", async () => {
      const script = new URL("./testing/migrating.process.ts", import.meta.url);
      const processes = Array.from({ length: 4 }, () => startProcess(script, [place.url]));
      const outputs = await Promise.all(processes.map((one) => one.finished()));
      expect(outputs).toEqual(Array.from({ length: 4 }, () => "1,2,3,4,5,6"));
    });
  });
}
