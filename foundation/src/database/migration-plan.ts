import { createHash } from "node:crypto";
import type { Dialect, MigrationSet } from "./contract.ts";
import { DatabaseMisuse, MigrationError } from "./failure.ts";

/** A migration as this program knows it, for one dialect. */
export interface PlannedMigration {
  readonly scope: string;
  /** From 1 within the scope. */
  readonly position: number;
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

/** A migration as a database says it was applied. */
export interface AppliedMigration {
  readonly scope: string;
  readonly position: number;
  readonly name: string;
  readonly checksum: string;
}

/** Numbers and checksums what the program brings along. Throws a `DatabaseMisuse` when two things have one name. */
export function planMigrations(sets: readonly MigrationSet[], dialect: Dialect): PlannedMigration[] {
  const scopes = new Set<string>();
  return sets.flatMap((set) => {
    if (scopes.has(set.scope)) throw new DatabaseMisuse(`The migration scope \`${set.scope}\` is given twice.`);
    scopes.add(set.scope);
    const names = new Set<string>();
    return set.migrations.map((migration, index) => {
      if (names.has(migration.name)) {
        throw new DatabaseMisuse(`The migration \`${set.scope}/${migration.name}\` is given twice.`);
      }
      names.add(migration.name);
      const sql = typeof migration.sql === "string" ? migration.sql : migration.sql[dialect];
      return { scope: set.scope, position: index + 1, name: migration.name, sql, checksum: checksumOf(sql) };
    });
  });
}

/**
 * What remains to be applied, in order. Throws a `MigrationError` when the database was made by other migrations than
 * these: a changed one, or more than this program knows. Scopes that the program does not bring along are not its business.
 */
export function pendingMigrations(
  planned: readonly PlannedMigration[],
  applied: readonly AppliedMigration[],
  scopes: ReadonlySet<string>,
): PlannedMigration[] {
  const key = (one: { scope: string; position: number }): string => `${one.position} ${one.scope}`;
  const known = new Map(planned.map((one) => [key(one), one]));
  for (const one of applied) {
    if (!scopes.has(one.scope)) continue;
    const mine = known.get(key(one));
    if (mine === undefined) throw newerDatabase(one);
    if (mine.name !== one.name || mine.checksum !== one.checksum) throw changedMigration(mine, one);
  }
  const done = new Set(applied.map(key));
  return planned.filter((one) => !done.has(key(one)));
}

/** Of the text without its indentation and line ends, which editors and formatters change. */
function checksumOf(sql: string): string {
  const lines = sql.split(/\r?\n/).map((line) => line.trim());
  return createHash("sha256")
    .update(lines.filter((line) => line !== "").join("\n"))
    .digest("hex");
}

function newerDatabase(applied: AppliedMigration): MigrationError {
  return new MigrationError(
    `The database is newer than this program: it has migration ${applied.position} \`${applied.scope}/${applied.name}\`, ` +
      "which this version does not know.",
    "Start the version that wrote it or a later one, or restore a backup from before the upgrade.",
  );
}

function changedMigration(mine: PlannedMigration, applied: AppliedMigration): MigrationError {
  const what =
    mine.name === applied.name
      ? `The text of migration ${mine.position} \`${mine.scope}/${mine.name}\` has changed since it was applied to this database.`
      : `Migration ${mine.position} of scope \`${mine.scope}\` is \`${mine.name}\` in this program, but \`${applied.name}\` was applied to this database.`;
  return new MigrationError(
    what,
    "A released migration never changes: put the change into a new migration, or start the version that belongs to this database.",
  );
}
