import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Database, openDatabase, type MigrationSet } from "./index.ts";
import { type DatabaseKind, testDatabaseUrl, type TestDatabase } from "../testing/index.ts";

interface Tables {
  parcel: { id: number; name: string; weight: number };
}
const parcels: MigrationSet = {
  scope: "parcels",
  migrations: [
    {
      name: "parcel",
      sql: "create table parcel (id bigint primary key, name text not null unique, weight bigint not null default 0 check (weight >= 0));",
    },
  ],
};

export function databaseSuite(kind: DatabaseKind): void {
  describe(`database on ${kind}`, () => {
    let place: TestDatabase;
    let database: Database<Tables>;
    beforeEach(async () => {
      place = await testDatabaseUrl(kind);
      database = await openDatabase<Tables>({ url: place.url, migrations: [parcels] });
    });
    afterEach(async () => {
      await database.close();
      await place.drop();
    });
    it("commits", async () => {
      await database.transaction(async (tx) => {
        await tx.insertInto("parcel").values({ id: 1, name: "a", weight: 5 }).execute();
      });
      expect(await database.read.selectFrom("parcel").selectAll().execute()).toEqual([{ id: 1, name: "a", weight: 5 }]);
      await database.check();
    });
  });
}
