import {
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type Dialect as KyselyDialect,
  type Driver,
} from "kysely";
import { Client, Pool, types } from "pg";
import { UserError } from "../errors/index.ts";
import type { DatabaseLimits, MigrationSet } from "./contract.ts";
import type { Engine } from "./engine.ts";
import { DatabaseUnavailable, MigrationError } from "./failure.ts";
import { guardDriver } from "./guard.ts";
import { migrate } from "./migrate.ts";
import { createPostgresDriver } from "./postgres-driver.ts";
import { isBrokenConnection, reasonOf, translatePostgres } from "./postgres-failure.ts";
import { postgresMigrationSession } from "./postgres-migration.ts";

/** How long the client waits beyond the server's own limit, before it takes a silent connection for dead. */
const SILENCE_MS = 5000;

export async function openPostgres(
  url: string,
  migrations: readonly MigrationSet[],
  limits: DatabaseLimits,
): Promise<Engine> {
  const server = serverOf(url);
  await migrateServer(url, server, migrations, limits);
  const read = createPool(url, limits, "set session characteristics as transaction read only");
  const write = createPool(url, limits, "set session characteristics as transaction isolation level read committed");
  const translate = (error: unknown): unknown => translatePostgres(error, server);
  let closing: Promise<void> | undefined;
  return {
    dialect: "postgres",
    read: dialectOf(guardDriver(createPostgresDriver(read, { transactions: false }), translate)),
    write: dialectOf(guardDriver(createPostgresDriver(write, { transactions: true }), translate)),
    async check() {
      try {
        await assertWritable(write);
      } catch (error) {
        throw translate(error);
      }
    },
    close() {
      closing ??= endAll(read, write);
      return closing;
    },
  };
}

function createPool(url: string, limits: DatabaseLimits, transactions: string): Pool {
  const pool = new Pool({
    connectionString: url,
    max: limits.connections,
    connectionTimeoutMillis: limits.acquireTimeoutMs,
    query_timeout: limits.statementTimeoutMs + SILENCE_MS,
    keepAlive: true,
    application_name: "waybill",
    allowExitOnIdle: true,
    types: { getTypeParser: typeParser },
    // The types say void, but the pool waits for the promise (pg-pool 3.14), and refuses the connection when it rejects.
    // oxlint-disable-next-line typescript/no-misused-promises
    onConnect: async (client) => {
      await client.query(sessionSettings(limits, transactions));
    },
  });
  // A connection that breaks while idle is replaced by the next query; unheard, the event would end the process.
  pool.on("error", () => {});
  return pool;
}

async function endAll(...pools: readonly Pool[]): Promise<void> {
  await Promise.all(pools.map((pool) => pool.end()));
}

/** By SQL and not as start-up options, which connection poolers such as PgBouncer refuse. */
function sessionSettings(limits: DatabaseLimits, transactions: string): string {
  return [
    `set statement_timeout = ${limits.statementTimeoutMs}`,
    `set idle_in_transaction_session_timeout = ${limits.idleTransactionTimeoutMs}`,
    "set synchronous_commit = on",
    transactions,
  ].join("; ");
}

async function assertWritable(pool: Pool): Promise<void> {
  const answer = await pool.query<{ mode: string }>("select current_setting('transaction_read_only') as mode");
  if (answer.rows[0]?.mode !== "off") {
    throw new DatabaseUnavailable(
      "connection",
      "The database server accepts no changes: it is a replica, or set to read-only.",
    );
  }
}

async function migrateServer(
  url: string,
  server: string,
  migrations: readonly MigrationSet[],
  limits: DatabaseLimits,
): Promise<void> {
  const client = new Client({
    connectionString: url,
    connectionTimeoutMillis: limits.acquireTimeoutMs,
    application_name: "waybill migration",
    keepAlive: true,
  });
  let lost: Error | undefined;
  client.on("error", (error: Error) => {
    lost = error;
  });
  try {
    await client.connect();
    await client.query("set statement_timeout = 0");
    await migrate(postgresMigrationSession(client, limits.migrationLockTimeoutMs), migrations);
  } catch (error) {
    throw startError(lost ?? error, server);
  } finally {
    await client.end().catch(() => {});
  }
}

function startError(error: unknown, server: string): unknown {
  if (error instanceof MigrationError || !(error instanceof Error)) return error;
  if (isBrokenConnection(error)) {
    return new UserError(
      `PostgreSQL at ${server} does not answer: ${reasonOf(error)}.`,
      "Check that it runs, and that host, port and network are right.",
      { cause: error },
    );
  }
  return new UserError(
    `PostgreSQL at ${server} refused: ${reasonOf(error)}.`,
    "Check the user, the password, the name of the database and the rights in it.",
    { cause: error },
  );
}

/** Host, port and database name. Never the user or the password. */
function serverOf(url: string): string {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    // The error of `URL` holds the whole text, password and all: it ends here.
    throw new UserError(
      "The database address cannot be read.",
      "It looks like postgres://user:password@host:5432/name; characters such as @ : / # in a password are percent-encoded.",
    );
  }
  const host = parsed.searchParams.get("host") ?? (parsed.host === "" ? "localhost" : parsed.host);
  return `${host}${parsed.pathname}`;
}

function dialectOf(driver: Driver): KyselyDialect {
  return {
    createDriver: () => driver,
    createQueryCompiler: () => new PostgresQueryCompiler(),
    createAdapter: () => new PostgresAdapter(),
    createIntrospector: (database) => new PostgresIntrospector(database),
  };
}

const INT8 = 20;
const NUMERIC = 1700;

/** `bigint`, and `numeric` (which `sum(bigint)` is), as numbers; never rounded in silence. */
function typeParser(type: number, format?: "text" | "binary"): (text: string) => unknown {
  if (type === INT8 || type === NUMERIC) return exactNumber;
  const parse: unknown = types.getTypeParser(type, format ?? "text");
  return parse as (text: string) => unknown;
}

function exactNumber(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
    throw new RangeError(`The number ${text} is too large: integers are exact up to 2^53 - 1 only.`);
  }
  return value;
}
