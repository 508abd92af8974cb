import type { Dialect, MigrationSet } from "./contract.ts";
import { MigrationError } from "./failure.ts";
import { type AppliedMigration, pendingMigrations, planMigrations, type PlannedMigration } from "./migration-plan.ts";

/** A connection of its own for migrating: what the two dialects do differently. */
export interface MigrationSession {
  readonly dialect: Dialect;
  /** True when the ledger of applied migrations exists. */
  hasLedger(): Promise<boolean>;
  /** Begins a transaction and keeps every other migrating process out until it ends. */
  beginAlone(): Promise<void>;
  /** Creates the ledger where it is absent. */
  createLedger(): Promise<void>;
  applied(): Promise<AppliedMigration[]>;
  /** Runs the statements of one migration and notes it in the ledger. */
  apply(migration: PlannedMigration, appliedAt: number): Promise<void>;
  commit(): Promise<void>;
  rollback(): Promise<void>;
}

/**
 * Brings a database to the state that `sets` describe. Each migration and its entry in the ledger are one transaction, and
 * each looks at the ledger again behind the lock: processes that start together share the work, and none does it twice.
 */
export async function migrate(session: MigrationSession, sets: readonly MigrationSet[]): Promise<void> {
  const planned = planMigrations(sets, session.dialect);
  const scopes = new Set(sets.map((set) => set.scope));
  // Nothing to do is the usual case: found out without a lock, so that a start never waits for a running transaction.
  if ((await session.hasLedger()) && pendingMigrations(planned, await session.applied(), scopes).length === 0) return;
  while (await applyNext(session, planned, scopes));
}

/** Applies one migration; false when none was left. */
async function applyNext(
  session: MigrationSession,
  planned: readonly PlannedMigration[],
  scopes: ReadonlySet<string>,
): Promise<boolean> {
  await session.beginAlone();
  let next: PlannedMigration | undefined;
  try {
    await session.createLedger();
    next = pendingMigrations(planned, await session.applied(), scopes)[0];
    if (next !== undefined) await session.apply(next, Date.now());
    await session.commit();
    return next !== undefined;
  } catch (error) {
    await session.rollback();
    if (next === undefined || error instanceof MigrationError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new MigrationError(
      `Migration ${next.position} \`${next.scope}/${next.name}\` failed and was undone: ${reason}`,
      "The database is as it was before this migration. Mend the cause and start again.",
      { cause: error },
    );
  }
}

/** The ledger, the same in both dialects. */
export const ledgerTable = `create table if not exists schema_migration (
  scope text not null,
  position integer not null,
  name text not null,
  checksum text not null,
  applied_at bigint not null,
  primary key (scope, position)
)`;
export const ledgerQuery = "select scope, position, name, checksum from schema_migration order by scope, position";

/** Reads one row of the ledger, whoever wrote it. */
export function appliedOf(row: Readonly<Record<string, unknown>>): AppliedMigration {
  return {
    scope: String(row["scope"]),
    position: Number(row["position"]),
    name: String(row["name"]),
    checksum: String(row["checksum"]),
  };
}
