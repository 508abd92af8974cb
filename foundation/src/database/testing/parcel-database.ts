import { afterEach, beforeEach } from "vitest";
import { type DatabaseKind, testDatabaseUrl, type TestDatabase } from "../../testing/index.ts";
import { type Database, type DatabaseLimits, type MigrationSet, openDatabase } from "../index.ts";

export interface Tables {
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

export function depot(id: number): Tables["depot"] {
  return { id, name: `depot ${id}`, town: "Aachen" };
}

/** A point in one flow that another waits for. */
export function gate(): { readonly reached: Promise<void>; open(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { reached: promise, open: resolve };
}

/** One database of its own for each test, with the tables above. */
export class ParcelDatabase {
  readonly kind: DatabaseKind;
  readonly #others: Database<Tables>[] = [];
  #place: TestDatabase | undefined;
  #database: Database<Tables> | undefined;

  /** Call it inside `describe`. */
  constructor(kind: DatabaseKind) {
    this.kind = kind;
    beforeEach(async () => {
      this.#place = await testDatabaseUrl(kind);
      this.#database = await openDatabase<Tables>({ url: this.#place.url, migrations: [parcels] });
    });
    afterEach(async () => {
      await Promise.all([this.database, ...this.#others.splice(0)].map((one) => one.close()));
      await this.place.drop();
    });
  }

  get place(): TestDatabase {
    if (this.#place === undefined) throw new Error("there is a database while a test runs only");
    return this.#place;
  }

  get database(): Database<Tables> {
    if (this.#database === undefined) throw new Error("there is a database while a test runs only");
    return this.#database;
  }

  async openAgain(limits: Partial<DatabaseLimits>): Promise<Database<Tables>> {
    const other = await openDatabase<Tables>({ url: this.place.url, migrations: [parcels], limits });
    this.#others.push(other);
    return other;
  }

  async addDepot(id: number): Promise<void> {
    await this.database.transaction((tx) => tx.insertInto("depot").values(depot(id)).execute());
  }

  async depotIds(): Promise<number[]> {
    return (await this.database.read.selectFrom("depot").select("id").orderBy("id").execute()).map((row) => row.id);
  }
}
