import { existsSync, readdirSync, statSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { UserError } from "../errors/index.ts";
import { temporaryFolder, type TemporaryFolder } from "../testing/index.ts";
import { DatabaseMisuse, DatabaseUnavailable, type Database, openDatabase, preparedQuery, sql } from "./index.ts";

interface Tables {
  depot: { id: number };
}
const depots = { scope: "depots", migrations: [{ name: "depot", sql: "create table depot (id bigint primary key)" }] };

describe("a database in a file", () => {
  let folder: TemporaryFolder;
  let file: string;
  const open = (url: string, limits = {}): Promise<Database<Tables>> =>
    openDatabase<Tables>({ url, migrations: [depots], limits });

  beforeEach(async () => {
    folder = await temporaryFolder("waybill-sqlite-");
    file = path.join(folder.path, "deep", "down", "catalog.sqlite");
  });
  afterEach(() => folder[Symbol.asyncDispose]());

  it("is made with its folders, for its owner alone, as a plain path or as sqlite:path", async () => {
    await (await open(file)).close();
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const again = await open(`sqlite:${file}`);
    expect(await again.read.selectFrom("depot").selectAll().execute()).toEqual([]);
    await again.close();
  });

  it("answers prepared queries at once, with what reads refuse refused", async () => {
    const database = await open(file);
    const beyond = preparedQuery(["id"], (from: Database<Tables>["read"], parameter: { id: number }) =>
      from.selectFrom("depot").select("id").where("id", ">", parameter.id),
    );
    await database.transaction((tx) =>
      tx
        .insertInto("depot")
        .values([{ id: 1 }, { id: 2 }])
        .execute(),
    );
    expect(await beyond(database.read, { id: 1 })).toEqual([{ id: 2 }]);
    await expect(beyond(database.read, { id: Number.NaN })).rejects.toBeInstanceOf(DatabaseMisuse);
    const missing = preparedQuery([], (from: Database<Tables>["read"]) =>
      from.selectFrom("nowhere" as "depot").select("id"),
    );
    await expect(missing(database.read, {})).rejects.toThrow("nowhere");
    await database.close();
    await expect(beyond(database.read, { id: 1 })).rejects.toBeInstanceOf(DatabaseUnavailable);
  });

  it("is synced to the disk at each commit, in a log that readers do not wait for", async () => {
    const database = await open(file);
    const modes = await database.transaction(async (tx) => [
      await sql`pragma journal_mode`.execute(tx),
      await sql`pragma synchronous`.execute(tx),
      await sql`pragma foreign_keys`.execute(tx),
    ]);
    expect(modes.map((mode) => mode.rows[0])).toEqual([
      { journal_mode: "wal" },
      { synchronous: 1 },
      { foreign_keys: 1 },
    ]);
    await database.close();
    expect(readdirSync(path.dirname(file))).toEqual(["catalog.sqlite"]);
  });

  it("says so when the file is none of its own", async () => {
    const other = path.join(folder.path, "letter.txt");
    await writeFile(other, "Dear Sir or Madam, ".repeat(100));
    await expect(open(other)).rejects.toThrow(/letter\.txt is not a database of this program/);
    await expect(open(folder.path)).rejects.toBeInstanceOf(UserError);
    await expect(open(path.join(other, "catalog.sqlite"))).rejects.toThrow(/cannot be opened/);
  });

  it("fails its check when the file is removed or replaced under it", async () => {
    const database = await open(file);
    await database.check();
    await rename(file, `${file}.old`);
    await expect(database.check()).rejects.toThrow(/was removed while the program ran/);
    await writeFile(file, "");
    await expect(database.check()).rejects.toThrow(/was replaced while the program ran/);
    await database.close();
  });

  it("waits for another process's transaction while this process goes on", async () => {
    const database = await open(file);
    const other = new DatabaseSync(file);
    other.exec("begin immediate");
    let done = false;
    const waiting = database
      .transaction((tx) => tx.insertInto("depot").values({ id: 1 }).execute())
      .finally(() => (done = true));
    // A wait inside SQLite would stop the timers until it gives up: then this would go on only after the end.
    for (let turns = 0; turns < 20; turns++) await sleep(1);
    expect(done).toBe(false);
    other.exec("commit");
    await waiting;
    other.close();
    await database.close();
  });

  it("gives up on another process's transaction with a clear error, and works again after it", async () => {
    const database = await open(file, { acquireTimeoutMs: 100 });
    const other = new DatabaseSync(file);
    other.exec("begin immediate");
    const insert = (): Promise<unknown> =>
      database.transaction((tx) => tx.insertInto("depot").values({ id: 1 }).execute());
    await expect(insert()).rejects.toMatchObject({ reason: "busy", status: 503 });
    other.exec("rollback");
    other.close();
    await insert();
    await database.close();
  });

  it("refuses a migration that leaves rows pointing to nothing", async () => {
    const orphans = {
      scope: "orphans",
      migrations: [
        { name: "parcel", sql: "create table parcel (depot bigint references depot); insert into parcel values (99);" },
      ],
    };
    await expect(openDatabase({ url: file, migrations: [depots, orphans] })).rejects.toThrow(
      /`orphans\/parcel` failed and was undone: it leaves rows of `parcel` that point to nothing in `depot`/,
    );
  });

  it("keeps its file small after a large transaction", async () => {
    const database = await openDatabase<{ blob: { body: string } }>({
      url: file,
      migrations: [{ scope: "blobs", migrations: [{ name: "blob", sql: "create table blob (body text)" }] }],
    });
    const body = "x".repeat(1024 * 1024);
    await database.transaction(async (tx) => {
      for (let count = 0; count < 24; count++) await tx.insertInto("blob").values({ body }).execute();
    });
    await database.transaction((tx) => tx.insertInto("blob").values({ body: "" }).execute());
    expect(statSync(`${file}-wal`).size).toBeLessThanOrEqual(16 * 1024 * 1024);
    await database.close();
  });
});

describe("a database in memory", () => {
  it("is private, keeps the same promises, and leaves no file", async () => {
    const before = existing();
    const one = await openDatabase<Tables>({ url: ":memory:", migrations: [depots] });
    const two = await openDatabase<Tables>({ url: ":memory:", migrations: [depots] });
    expect(existing()).toEqual(before);
    await one.transaction(async (tx) => {
      await tx.insertInto("depot").values({ id: 1 }).execute();
      expect(await one.read.selectFrom("depot").selectAll().execute()).toEqual([]);
    });
    expect(await one.read.selectFrom("depot").selectAll().execute()).toEqual([{ id: 1 }]);
    expect(await two.read.selectFrom("depot").selectAll().execute()).toEqual([]);
    await one.check();
    await Promise.all([one.close(), two.close()]);
    expect(existsSync(":memory:")).toBe(false);
  });

  /** Folders for databases in memory; they have a name for a few milliseconds only. */
  function existing(): string[] {
    return readdirSync(tmpdir()).filter((name) => name.startsWith("waybill-memory-"));
  }
});

describe("the address of a database", () => {
  it.each(["mysql://user:hunter2@host/name", "", "sqlite:"])("of an unknown kind is refused: %j", async (url) => {
    const error = await openDatabase({ url, migrations: [] }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain("hunter2");
  });
});
