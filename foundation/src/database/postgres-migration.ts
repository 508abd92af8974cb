import type { Client } from "pg";
import { MigrationError } from "./failure.ts";
import { appliedOf, ledgerQuery, ledgerTable, type MigrationSession } from "./migrate.ts";
import { codeOf } from "./postgres-failure.ts";

/** Any number that nobody else uses: `waybill1` in ASCII. Advisory locks are per database. */
const MIGRATION_LOCK = "8602279429217890353";

/** Text columns of this schema that sort by the locale of the server. */
const localeColumns = `
  select c.oid::regclass::text as "table", quote_ident(a.attname) as "column", format_type(a.atttypid, a.atttypmod) as "type"
  from pg_attribute a
  join pg_class c on c.oid = a.attrelid
  join pg_collation l on l.oid = a.attcollation
  where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
    and a.attnum > 0 and not a.attisdropped and l.collname = 'default'`;

export function postgresMigrationSession(client: Client, lockTimeoutMs: number): MigrationSession {
  return {
    dialect: "postgres",
    async hasLedger() {
      const found = await client.query<{ ledger: string | null }>(
        "select to_regclass('schema_migration')::text as ledger",
      );
      return typeof found.rows[0]?.ledger === "string";
    },
    async beginAlone() {
      await client.query("begin");
      await client.query(`set local lock_timeout = ${lockTimeoutMs}`);
      try {
        await client.query(`select pg_advisory_xact_lock(${MIGRATION_LOCK})`);
      } catch (error) {
        await client.query("rollback");
        if (!(error instanceof Error) || codeOf(error) !== "55P03") throw error;
        throw new MigrationError(
          `Another process has been migrating the database for ${lockTimeoutMs} ms.`,
          "Wait until it is done, or stop it, and start again.",
          { cause: error },
        );
      }
    },
    async createLedger() {
      await client.query(ledgerTable);
    },
    applied: async () => (await client.query<Record<string, unknown>>(ledgerQuery)).rows.map(appliedOf),
    async apply(migration, appliedAt) {
      const transaction = await transactionId(client);
      const before = new Set((await client.query<LocaleColumn>(localeColumns)).rows.map(nameOf));
      await client.query(migration.sql);
      if ((await transactionId(client)) !== transaction) {
        throw new Error("a migration must not commit or roll back by itself");
      }
      const after = (await client.query<LocaleColumn>(localeColumns)).rows;
      for (const column of after.filter((one) => !before.has(nameOf(one)))) await sortByBytes(client, column);
      await client.query(
        "insert into schema_migration (scope, position, name, checksum, applied_at) values ($1, $2, $3, $4, $5)",
        [migration.scope, migration.position, migration.name, migration.checksum, appliedAt],
      );
    },
    async commit() {
      await client.query("commit");
    },
    async rollback() {
      await client.query("rollback");
    },
  };
}

interface LocaleColumn {
  readonly table: string;
  readonly column: string;
  readonly type: string;
}

function nameOf(column: LocaleColumn): string {
  return `${column.table}.${column.column}`;
}

/**
 * The contract says that text sorts by its bytes, as SQLite's does: a server's locale would order pages, tags and ranges
 * differently on every machine, and an upgrade of its C library would break indexes. Names come quoted from the catalog.
 */
async function sortByBytes(client: Client, { table, column, type }: LocaleColumn): Promise<void> {
  await client.query(`alter table ${table} alter column ${column} type ${type} collate "C"`);
}

async function transactionId(client: Client): Promise<string> {
  const answer = await client.query<{ id: string }>("select pg_current_xact_id()::text as id");
  return answer.rows[0]?.id ?? "";
}
