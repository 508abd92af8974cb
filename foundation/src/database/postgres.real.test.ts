import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { UserError } from "../errors/index.ts";
import { testDatabaseUrl, type TestDatabase } from "../testing/index.ts";
import { type Database, DatabaseUnavailable, openDatabase, sql } from "./index.ts";

interface Tables {
  depot: { id: number; name: string };
}
const depots = {
  scope: "depots",
  migrations: [
    {
      name: "depot",
      sql: "create table depot (id bigint primary key, name text not null); insert into depot values (1, 'a'), (2, 'b');",
    },
  ],
};

/** Everything that an error says, to whoever prints it. */
function everything(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return `${JSON.stringify(error, Object.getOwnPropertyNames(error))} ${String(error.stack)} ${everything(error.cause)}`;
}

describe("a database on a server", () => {
  let place: TestDatabase;
  let database: Database<Tables>;
  const open = (url: string, limits = {}): Promise<Database<Tables>> =>
    openDatabase<Tables>({ url, migrations: [depots], limits });

  beforeEach(async () => {
    place = await testDatabaseUrl("postgres");
    database = await open(place.url);
  });
  afterEach(async () => {
    await database.close();
    await place.drop();
  });

  it("that cannot be reached is named by host and port, without the password", async () => {
    const free = createServer().listen(0, "127.0.0.1");
    await once(free, "listening");
    const { port } = free.address() as { port: number };
    free.close();
    const error = await open(`postgres://someone:hunter2@127.0.0.1:${port}/depots`).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    expect((error as Error).message).toContain(`127.0.0.1:${port}/depots`);
    expect(everything(error)).not.toContain("hunter2");
  });

  it("that refuses the password is named, without the password", async () => {
    const url = new URL(place.url);
    url.password = "hunter2";
    const error = await open(url.href).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    expect((error as Error).message).toContain(url.host);
    expect(everything(error)).not.toContain("hunter2");
  });

  it("with an address that cannot be read is refused without repeating it", async () => {
    const error = await open("postgres://someone:hunter2@[::1/depots").catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    expect(everything(error)).not.toContain("hunter2");
  });

  it("that accepts a connection and then says nothing is given up", async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => void sockets.push(socket)).listen(0, "127.0.0.1");
    await once(silent, "listening");
    const { port } = silent.address() as { port: number };
    await expect(open(`postgres://someone@127.0.0.1:${port}/depots`, { acquireTimeoutMs: 200 })).rejects.toThrow(
      /does not answer/,
    );
    for (const socket of sockets) socket.destroy();
    silent.close();
  });

  it("that cuts connections makes transactions fail clearly, and the next ones work", async () => {
    let committed = false;
    const attempt = database.transaction(async (tx) => {
      database.onCommit(tx, () => (committed = true));
      await tx.insertInto("depot").values({ id: 3, name: "c" }).execute();
      const own = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(tx);
      await sql`select pg_terminate_backend(${own.rows[0]?.pid})`.execute(database.read);
      await tx.insertInto("depot").values({ id: 4, name: "d" }).execute();
    });
    await expect(attempt).rejects.toBeInstanceOf(DatabaseUnavailable);
    expect(committed).toBe(false);
    await database.transaction((tx) => tx.insertInto("depot").values({ id: 5, name: "e" }).execute());
    const rows = await database.read.selectFrom("depot").select("id").orderBy("id").execute();
    expect(rows.map((row) => row.id)).toEqual([1, 2, 5]);
  });

  it("whose idle connections were cut, by a restart for one, works on", async () => {
    await Promise.all(Array.from({ length: 4 }, () => database.read.selectFrom("depot").selectAll().execute()));
    const other = await open(place.url);
    await sql`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()`.execute(other.read);
    await other.close();
    await expect
      .poll(() =>
        database.read
          .selectFrom("depot")
          .select("id")
          .execute()
          .then(
            (rows) => rows.length,
            () => 0,
          ),
      )
      .toBe(2);
    await database.check();
  });

  it("ends a statement that takes too long, and says so", async () => {
    const brief = await open(place.url, { statementTimeoutMs: 300 });
    await expect(sql`select pg_sleep(20)`.execute(brief.read)).rejects.toMatchObject({ reason: "timeout" });
    await brief.close();
  });

  it("ends transactions that wait for each other: one of them, as a conflict", async () => {
    const patient = await open(place.url);
    const locked: (() => void)[] = [];
    const both = Promise.all([1, 2].map(() => new Promise<void>((resolve) => locked.push(resolve))));
    const cross = (first: number, second: number): Promise<unknown> =>
      patient.transaction(async (tx) => {
        await tx.updateTable("depot").set({ name: "x" }).where("id", "=", first).execute();
        locked[first - 1]?.();
        await both;
        await tx.updateTable("depot").set({ name: "y" }).where("id", "=", second).execute();
      });
    const outcomes = await Promise.allSettled([cross(1, 2), cross(2, 1)]);
    const failed = outcomes.filter((outcome) => outcome.status === "rejected");
    expect(failed).toHaveLength(1);
    expect(failed[0]?.reason).toMatchObject({ reason: "conflict", status: 503 });
    await patient.close();
  });

  it("that takes no changes fails the check", async () => {
    await database.check();
    const name = new URL(place.url).pathname.slice(1);
    await database.transaction((tx) =>
      sql`alter database ${sql.id(name)} set default_transaction_read_only = on`.execute(tx),
    );
    const later = await open(place.url);
    await expect(later.check()).rejects.toThrow(/accepts no changes/);
    await later.close();
  });

  it("whose tables another program changes goes on with a new connection", async () => {
    const one = await open(place.url, { connections: 1 });
    const ask = () => sql<{ id: number }>`select * from depot where id = ${1}`.execute(one.read);
    // Twice, so that the connection has it prepared.
    await ask();
    await ask();
    await database.transaction((tx) => sql`alter table depot add column town text`.execute(tx));
    await expect(ask()).rejects.toMatchObject({ reason: "conflict" });
    expect((await ask()).rows).toEqual([{ id: 1, name: "a", town: null }]);
    await one.close();
  });

  it("keeps statements prepared that come again, and not without end those that do not", async () => {
    const one = await open(place.url, { connections: 1 });
    const prepared = async (): Promise<string[]> => {
      const { rows } = await sql<{ statement: string }>`select statement from pg_prepared_statements`.execute(one.read);
      return rows.map((row) => row.statement);
    };
    for (let round = 0; round < 3; round++) {
      await one.read.selectFrom("depot").select("name").where("id", "=", round).execute();
      await sql`select ${round} as ${sql.ref(`column_${round}`)}`.execute(one.read);
    }
    expect(await prepared()).toEqual(['select "name" from "depot" where "id" = $1']);
    for (let round = 0; round < 1000; round++) {
      const query = sql`select ${round}::int as ${sql.ref(`column_${round}`)}`;
      await query.execute(one.read);
      await query.execute(one.read);
    }
    expect((await prepared()).length).toBeLessThanOrEqual(400);
    await one.close();
  });
});
