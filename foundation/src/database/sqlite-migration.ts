import { setTimeout as sleep } from "node:timers/promises";
import { MigrationError } from "./failure.ts";
import { appliedOf, ledgerQuery, ledgerTable, type MigrationSession } from "./migrate.ts";
import type { SqliteConnection } from "./sqlite-connection.ts";
import { isBusy } from "./sqlite-failure.ts";

/**
 * @param connection a handle that does not enforce foreign keys: SQLite changes a table by building a new one and dropping
 *   the old (https://www.sqlite.org/lang_altertable.html#otheralter). Every migration ends with a check of all of them.
 */
export function sqliteMigrationSession(connection: SqliteConnection, lockTimeoutMs: number): MigrationSession {
  return {
    dialect: "sqlite",
    hasLedger: async () =>
      connection.execute("select 1 from sqlite_master where type = 'table' and name = 'schema_migration'", []).rows
        .length > 0,
    beginAlone: () => beginAlone(connection, lockTimeoutMs),
    createLedger: async () => connection.script(ledgerTable),
    applied: async () => connection.execute<Record<string, unknown>>(ledgerQuery, []).rows.map(appliedOf),
    async apply(migration, appliedAt) {
      connection.script(migration.sql);
      if (!connection.inTransaction) throw new Error("a migration must not commit or roll back by itself");
      assertForeignKeys(connection);
      connection.execute(
        "insert into schema_migration (scope, position, name, checksum, applied_at) values (?, ?, ?, ?, ?)",
        [migration.scope, migration.position, migration.name, migration.checksum, appliedAt],
      );
    },
    commit: async () => connection.script("commit"),
    async rollback() {
      if (connection.inTransaction) connection.script("rollback");
    },
  };
}

async function beginAlone(connection: SqliteConnection, lockTimeoutMs: number): Promise<void> {
  const giveUp = performance.now() + lockTimeoutMs;
  for (;;) {
    try {
      connection.script("begin immediate");
      return;
    } catch (error) {
      if (!isBusy(error)) throw error;
      if (performance.now() > giveUp) {
        throw new MigrationError(
          `Another process has been writing to the database for ${lockTimeoutMs} ms, so it could not be migrated.`,
          "Stop the other process, or wait until its migration is over.",
          { cause: error },
        );
      }
    }
    await sleep(10 + Math.random() * 30);
  }
}

function assertForeignKeys(connection: SqliteConnection): void {
  const [broken] = connection.execute<{ table: string; parent: string }>("pragma foreign_key_check", []).rows;
  if (broken !== undefined) {
    throw new Error(`it leaves rows of \`${broken.table}\` that point to nothing in \`${broken.parent}\``);
  }
}
