import type { Kysely, Transaction } from "kysely";

/** The two databases that everything runs on. */
export type Dialect = "sqlite" | "postgres";

/**
 * One step of a schema. Once released it never changes: its text is checksummed, and a program whose text differs from
 * what a database has applied refuses to start.
 */
export interface Migration {
  /** Unique in its scope, e.g. `tenants`. It is the name that errors use. */
  readonly name: string;
  /**
   * Statements, separated by `;`: one text when both dialects understand it, else one for each. No BEGIN or COMMIT: a
   * migration runs in a transaction of its own, whole or not at all.
   *
   * Columns that mean the same in both: `bigint` for counts, sizes and times (integer milliseconds since 1970; plain
   * `integer` holds only 32 bits in PostgreSQL), `text` for strings and JSON, `bigint` 0 or 1 for booleans.
   */
  readonly sql: string | Readonly<Record<Dialect, string>>;
}

/** The migrations of one owner, e.g. `store`. Several scopes share a database; each is numbered from 1 by position. */
export interface MigrationSet {
  readonly scope: string;
  readonly migrations: readonly Migration[];
}

/**
 * A database with its schema in place. Both dialects keep the same promises (`database.suite.ts` and the suites it calls
 * check each):
 *
 * - **Values**: parameters are null, finite numbers, bigints, strings without NUL, and bytes. Booleans, dates, objects and
 *   `undefined` are refused with a `DatabaseMisuse` instead of being stored differently by each dialect. Integers come
 *   back as numbers; one beyond 2^53 is an error, never a rounded value. `sum()` and `count()` are numbers too.
 * - **Text** compares and sorts by its UTF-8 bytes, and `like` tells upper from lower case, whatever the locale of the server.
 * - **Errors**: `ConstraintError` when a change breaks a rule of the schema; `DatabaseUnavailable` (a 503 problem) when
 *   trying again later is the cure; `DatabaseMisuse` when the calling code is wrong. None holds a password or a value.
 * - Rows are never streamed (`.stream()` is refused): read a page by key, then the next.
 */
export interface Database<S> {
  readonly dialect: Dialect;

  /**
   * Queries on connections of their own, which see what is committed and nothing else. A running transaction never holds
   * them up. They cannot change anything, and they cannot open a transaction.
   */
  readonly read: Kysely<S>;

  /**
   * Another number after each commit of this process, before its owner hears of it: what `read` has answered at a number
   * it would answer again while that stays the same. For who has a SQLite file to himself; undefined on PostgreSQL, where
   * others commit, too.
   */
  readonly version: number | undefined;

  /**
   * Runs `work` in one transaction: committed and durable (fsync) when the promise resolves, and not seen by `read` before
   * it is durable; rolled back when `work` throws or rejects. SQLite has one writer, so transactions queue there; on
   * PostgreSQL they run side by side (read committed): lock what you decide upon.
   *
   * - All of it or nothing, also when the process is killed.
   * - A statement that fails dooms the transaction, even when its error is caught: later statements and the commit are
   *   refused (PostgreSQL's rule, kept by SQLite too). Use `on conflict` where a conflict is expected.
   * - Inside `work`, a second `transaction` of the same database is refused: pass `tx` along.
   * - A transaction that sends no statement for `idleTransactionTimeoutMs` is rolled back: never wait for the network
   *   inside.
   * - When the connection breaks during the commit, the promise rejects although the change may have been made: make
   *   changes that can be repeated.
   */
  transaction<T>(work: (tx: Transaction<S>) => Promise<T>): Promise<T>;

  /**
   * Calls `done` after `tx` has been committed durably, in the order of registration, before `transaction` resolves; never
   * after a rollback. What `done` throws becomes a process warning: the commit stands.
   */
  onCommit(tx: Transaction<S>, done: () => void): void;

  /** Throws when the database cannot be read and written: unreachable, a read-only replica, its file removed. */
  check(): Promise<void>;

  /** Waits for running transactions, then lets go of every connection. Calling it twice is harmless. */
  close(): Promise<void>;

  /** The same database seen through the tables of another system in it. */
  as<T>(): Database<T>;
}

export interface DatabaseOptions {
  /**
   * - `postgres://user:password@host:port/name` (also `postgresql://`; `?sslmode=` and the like as libpq has them)
   * - a file path (also `sqlite:path`): created with its folders when absent, readable by its owner only
   * - `:memory:`: a nameless temporary file that nobody else can open and that is gone with the process
   */
  readonly url: string;
  readonly migrations: readonly MigrationSet[];
  readonly limits?: Partial<DatabaseLimits>;
}

export interface DatabaseLimits {
  /** Longest wait for a connection, or for the writer of SQLite. Milliseconds, default 30 000. */
  readonly acquireTimeoutMs: number;
  /** Longest run of one statement (PostgreSQL). Milliseconds, default 30 000. */
  readonly statementTimeoutMs: number;
  /** Longest pause between two statements of a transaction. Milliseconds, default 60 000. */
  readonly idleTransactionTimeoutMs: number;
  /** Longest wait for another process that is migrating the same database. Milliseconds, default 120 000. */
  readonly migrationLockTimeoutMs: number;
  /** PostgreSQL connections for reads, and as many again for transactions. Default 8. */
  readonly connections: number;
}

export const defaultLimits: DatabaseLimits = {
  acquireTimeoutMs: 30_000,
  statementTimeoutMs: 30_000,
  idleTransactionTimeoutMs: 60_000,
  migrationLockTimeoutMs: 120_000,
  connections: 8,
};
