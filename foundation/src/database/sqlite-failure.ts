import { ConstraintError, type ConstraintKind, DatabaseMisuse, DatabaseUnavailable } from "./failure.ts";

/** Result codes: https://www.sqlite.org/rescode.html. The low byte is the primary code. */
const SQLITE_BUSY = 5;
const SQLITE_LOCKED = 6;
const SQLITE_READONLY = 8;
const SQLITE_IOERR = 10;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_CANTOPEN = 14;
const SQLITE_CONSTRAINT = 19;
const SQLITE_NOTADB = 26;

const constraintKinds: Readonly<Record<number, ConstraintKind>> = {
  275: "check",
  787: "foreign-key",
  1299: "not-null",
  1555: "unique", // primary key
  2067: "unique",
  2579: "unique", // rowid
};

interface SqliteFailure extends Error {
  readonly errcode: number;
}

function isSqliteFailure(error: unknown): error is SqliteFailure {
  return error instanceof Error && "errcode" in error && typeof error.errcode === "number";
}

/** The extended result code of an error of SQLite. */
export function sqliteCode(error: unknown): number | undefined {
  return isSqliteFailure(error) ? error.errcode : undefined;
}

export function isBusy(error: unknown): boolean {
  const code = sqliteCode(error);
  return code !== undefined && ((code & 0xff) === SQLITE_BUSY || (code & 0xff) === SQLITE_LOCKED);
}

/** True when the file is none of SQLite's, or is damaged. */
export function isUnreadable(error: unknown): boolean {
  const primary = (sqliteCode(error) ?? 0) & 0xff;
  return primary === SQLITE_NOTADB || primary === SQLITE_CORRUPT;
}

/** @param file the path, for messages. */
export function translateSqlite(error: unknown, file: string): unknown {
  if (!isSqliteFailure(error)) return error;
  switch (error.errcode & 0xff) {
    case SQLITE_CONSTRAINT:
      return constraintError(error);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return new DatabaseUnavailable("busy", `Another process holds the database ${file}.`, error);
    case SQLITE_FULL:
      return new DatabaseUnavailable("full", "There is no room left on the disk of the database.", error);
    case SQLITE_IOERR:
    case SQLITE_CORRUPT:
    case SQLITE_CANTOPEN:
    case SQLITE_NOTADB:
      return new DatabaseUnavailable(
        "storage",
        `The database file cannot be read or written: ${error.message}.`,
        error,
      );
    case SQLITE_READONLY:
      return new DatabaseMisuse("`read` cannot change anything: use `database.transaction`.", { cause: error });
    default:
      return error;
  }
}

/** The message is `UNIQUE constraint failed: tenant.name, tenant.cluster`; other kinds name less. */
function constraintError(error: SqliteFailure): unknown {
  const kind = constraintKinds[error.errcode];
  if (kind === undefined) return error;
  const named = /constraint failed: (.+)$/.exec(error.message)?.[1] ?? "";
  const places = kind === "check" ? [] : named.split(", ").map((place) => /^([^.']+)\.([^.']+)$/.exec(place));
  const columns = places.flatMap((place) => place?.[2] ?? []);
  return new ConstraintError(kind, places[0]?.[1], columns);
}
