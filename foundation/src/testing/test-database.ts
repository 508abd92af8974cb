import { randomBytes } from "node:crypto";
import path from "node:path";
import { Client } from "pg";
import { temporaryFolder } from "./temporary-folder.ts";

export type DatabaseKind = "sqlite" | "postgres";

/** Set by `postgres.setup.ts` for the `real` project: the administrator's address of a running server. */
const SERVER = process.env["WAYBILL_TEST_POSTGRES_URL"];

/** SQLite in unit runs, both in real runs. */
export const databaseKinds: readonly DatabaseKind[] = SERVER === undefined ? ["sqlite"] : ["sqlite", "postgres"];

export interface TestDatabase {
  readonly url: string;
  /** Removes it, with the connections that are still open to it. */
  drop(): Promise<void>;
}

/** An empty database of its own. `postgres` is a real server and works in `*.real.test.ts` only. */
export function testDatabaseUrl(kind: DatabaseKind): Promise<TestDatabase> {
  return kind === "sqlite" ? sqliteDatabase() : postgresDatabase();
}

async function sqliteDatabase(): Promise<TestDatabase> {
  const folder = await temporaryFolder("waybill-database-");
  return { url: path.join(folder.path, "test.sqlite"), drop: async () => folder[Symbol.asyncDispose]() };
}

/** Sorts by the rules of English, as many production servers do: code that relies on the locale shows here. */
async function postgresDatabase(): Promise<TestDatabase> {
  if (SERVER === undefined) {
    throw new Error(
      "No PostgreSQL in this run: name the file *.real.test.ts and run it with `vitest run --project real`.",
    );
  }
  const name = `test_${randomBytes(6).toString("hex")}`;
  await administer(
    SERVER,
    `create database ${name} template template0 locale_provider icu icu_locale 'en-US' locale 'C'`,
  );
  const url = new URL(SERVER);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => administer(SERVER, `drop database if exists ${name} with (force)`) };
}

async function administer(server: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: server });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
