import type { Dialect as KyselyDialect } from "kysely";
import type { Dialect } from "./contract.ts";

/** What one kind of database brings: migrated, open, ready for Kysely. */
export interface Engine {
  readonly dialect: Dialect;
  /** Serves queries that only read; opens no transactions. */
  readonly read: KyselyDialect;
  /** Serves transactions. */
  readonly write: KyselyDialect;
  check(): Promise<void>;
  /** Called when no transaction runs any more; calling it twice is harmless. */
  close(): Promise<void>;
}
