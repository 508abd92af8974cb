import type { Dialect } from "@waybill/foundation/database";

/**
 * Whether rows that a change decides upon have to be locked by name. On PostgreSQL transactions run side by side; on
 * SQLite there is one writer, and no such words.
 */
export function locksRows(dialect: Dialect): boolean {
  return dialect === "postgres";
}
