import { sql, type Dialect } from "@waybill/foundation/database";
import type { Catalog } from "./schema.ts";

/** Any number, as long as nothing else in the same database locks it. */
const writersLock = 0x77_61_79_62;

/**
 * Makes this transaction the only one that changes the catalog, until it ends. Changes decide upon rows that others
 * change (may this blob go? does a manifest name it?), and with one writer whatever they read stays true. SQLite has one
 * anyway. On PostgreSQL a process has one at a time, too (`Commits`): this lock is for the last commit of a process that is
 * gone, which its server may be still about.
 */
export async function becomeWriter(tx: Catalog, dialect: Dialect): Promise<void> {
  if (dialect === "postgres") await sql`select pg_advisory_xact_lock(${writersLock})`.execute(tx);
}
