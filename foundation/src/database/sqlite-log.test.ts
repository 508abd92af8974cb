import { statSync } from "node:fs";
import path from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { temporaryFolder, type TemporaryFolder } from "../testing/index.ts";
import { openDatabase } from "./index.ts";
import { SqliteConnection } from "./sqlite-connection.ts";
import { SqliteLog } from "./sqlite-log.ts";
import { gate } from "./testing/parcel-database.ts";

describe("the log of a database file", () => {
  let folder: TemporaryFolder;
  let writer: SqliteConnection;
  let reader: SqliteConnection;

  beforeEach(async () => {
    folder = await temporaryFolder("waybill-log-");
    const file = path.join(folder.path, "catalog.sqlite");
    writer = new SqliteConnection(file, { readOnly: false, foreignKeys: true, busyMs: 20 });
    writer.script(
      "pragma journal_mode = wal; pragma synchronous = normal; create table depot (id integer primary key)",
    );
    reader = new SqliteConnection(file, { readOnly: true, foreignKeys: true, busyMs: 20 });
  });
  afterEach(async () => {
    reader.close();
    writer.close();
    await folder[Symbol.asyncDispose]();
  });

  const seen = (): number =>
    reader.execute<{ count: number }>("select count(*) as count from depot", []).rows[0]!.count;
  const insert = (log: SqliteLog): Promise<void> => {
    writer.script("begin immediate; insert into depot default values");
    return log.commit(async () => writer.script("commit"));
  };

  it("is synced before anybody is told of a commit, and before a reader sees it", async () => {
    const synced = gate();
    let told = false;
    const log = new SqliteLog({ writer, reader, sync: () => synced.reached });
    const committing = insert(log).then(() => (told = true));
    for (let turn = 0; turn < 20; turn++) await nextTurn();
    expect(writer.inTransaction).toBe(false);
    expect([told, seen()]).toEqual([false, 0]);
    synced.open();
    await committing;
    expect([told, seen()]).toEqual([true, 1]);
  });

  it("that the disk refuses once ends all commits, although the next sync would find nothing wrong", async () => {
    const outcomes = [() => Promise.resolve(), () => Promise.reject(new Error("EIO: i/o error, fdatasync"))];
    const log = new SqliteLog({ writer, reader, sync: () => outcomes.shift()?.() ?? Promise.resolve() });
    await insert(log);
    await expect(insert(log)).rejects.toMatchObject({
      reason: "storage",
      detail: expect.stringContaining("EIO") as unknown,
    });
    expect(() => log.assertSound()).toThrow(/start the program again/);
    let ran = false;
    await expect(log.commit(async () => void (ran = true))).rejects.toMatchObject({ reason: "storage" });
    expect([ran, seen()]).toEqual([false, 1]);
  });

  it("lets readers go on after a commit that failed", async () => {
    const log = new SqliteLog({ writer, reader, sync: () => Promise.resolve() });
    writer.script("begin immediate; insert into depot default values");
    await expect(log.commit(() => Promise.reject(new Error("no room")))).rejects.toThrow("no room");
    writer.script("rollback");
    writer.script("insert into depot default values");
    expect(seen()).toBe(1);
  });

  it("begins anew again and again under commits that never pause, with readers in between", async () => {
    const file = path.join(folder.path, "busy.sqlite");
    const migrations = [{ scope: "boxes", migrations: [{ name: "box", sql: "create table box (content text)" }] }];
    const database = await openDatabase<{ box: { content: string } }>({ url: file, migrations });
    const content = "x".repeat(400_000);
    let largest = 0;
    for (let count = 1; count <= 60; count++) {
      const reading = database.read.selectFrom("box").select("content").limit(1).execute();
      await database.transaction((tx) => tx.insertInto("box").values({ content }).execute());
      await reading;
      largest = Math.max(largest, statSync(`${file}-wal`).size);
    }
    // 24 MB went through it.
    expect(largest).toBeLessThan(6_000_000);
    await database.close();
  });
});
