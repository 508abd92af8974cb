import { Problem, UserError } from "../errors/index.ts";

export type ConstraintKind = "unique" | "foreign-key" | "not-null" | "check";

/** A change broke a rule of the schema and was not made. */
export class ConstraintError extends Error {
  override readonly name = "ConstraintError";
  readonly constraint: ConstraintKind;
  /** Of the rule, where the database tells: always for `unique`, never for SQLite's `foreign-key`. */
  readonly table: string | undefined;
  /** Of the rule, where the database tells: always for `unique` on plain columns. */
  readonly columns: readonly string[];

  constructor(constraint: ConstraintKind, table: string | undefined, columns: readonly string[]) {
    const place = table === undefined ? "" : ` on ${table}${columns.length === 0 ? "" : ` (${columns.join(", ")})`}`;
    super(`The change breaks a ${constraint} constraint${place}.`);
    this.constraint = constraint;
    this.table = table;
    this.columns = columns;
  }
}

/** True when `error` says that a row with the same `columns` exists already (any unique rule when none are named). */
export function isDuplicate(error: unknown, ...columns: readonly string[]): error is ConstraintError {
  if (!(error instanceof ConstraintError) || error.constraint !== "unique") return false;
  return columns.every((column) => error.columns.includes(column));
}

/**
 * Why a database cannot answer now: no connection, somebody else holds a lock, a limit of time, a clash with another
 * transaction, no room on the disk, a failing disk, closed.
 */
export type UnavailableReason = "connection" | "busy" | "timeout" | "conflict" | "full" | "storage" | "closed";

/** The database cannot do it now; the same may work later. Over HTTP: 503 with `Retry-After`. */
export class DatabaseUnavailable extends Problem {
  readonly reason: UnavailableReason;

  constructor(reason: UnavailableReason, detail: string, cause?: unknown) {
    super({
      code: "DATABASE_UNAVAILABLE",
      status: 503,
      title: "The database cannot answer now",
      detail,
      headers: { "retry-after": reason === "full" || reason === "storage" ? "60" : "1" },
      ...(cause === undefined ? {} : { cause }),
    });
    this.reason = reason;
  }
}

/** The calling code asks for what a database never does; the message says what to do instead. */
export class DatabaseMisuse extends Error {
  override readonly name = "DatabaseMisuse";
}

/** The schema in the database and the migrations of this program do not belong together, or one of them failed. */
export class MigrationError extends UserError {
  override readonly name = "MigrationError";
}
