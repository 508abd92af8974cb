/**
 * The tables of a system, in a file (SQLite, embedded) or on a server (PostgreSQL), behind one contract: what a system
 * tests on one holds on the other. A system brings its migrations and speaks Kysely; reads never wait for writers, a
 * transaction is durable when it resolves, and `onCommit` is where the rest of the process learns of it.
 */
export type { Database, DatabaseLimits, DatabaseOptions, Dialect, Migration, MigrationSet } from "./contract.ts";
export {
  ConstraintError,
  type ConstraintKind,
  DatabaseMisuse,
  DatabaseUnavailable,
  isDuplicate,
  MigrationError,
  type UnavailableReason,
} from "./failure.ts";
export { openDatabase } from "./open.ts";
export { preparedQuery } from "./prepared-query.ts";
export { type Generated, type Kysely, type Selectable, sql, type Transaction } from "kysely";
