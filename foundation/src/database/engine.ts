import type { Dialect as KyselyDialect } from "kysely";
import type { Dialect } from "./contract.ts";

/** Runs a query that only reads, at once. */
export type Answer = (sql: string, parameters: readonly unknown[]) => unknown[];

/** What one kind of database brings: migrated, open, ready for Kysely. */
export interface Engine {
  readonly dialect: Dialect;
  /** Serves queries that only read; opens no transactions. */
  readonly read: KyselyDialect;
  /** Serves transactions. */
  readonly write: KyselyDialect;
  /**
   * Where a query is answered by the time that its call returns: the short way for one that is compiled, with the same
   * errors as `read`.
   */
  readonly answer?: Answer;
  /** `Database.version`; absent where nobody can say. */
  readonly version?: () => number;
  check(): Promise<void>;
  /** Called when no transaction runs any more; calling it twice is harmless. */
  close(): Promise<void>;
}
