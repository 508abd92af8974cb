import { rename, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Database, MigrationError, openDatabase } from "@waybill/foundation/database";
import { UserError } from "@waybill/foundation/errors";
import type { Logger } from "@waybill/foundation/telemetry";
import { stateMigrations, type StateTables } from "./tables.ts";

/** SQLite's codes for a file that is damaged, or none of its own. */
const damageCodes: ReadonlySet<number> = new Set([11, 26]);
const parts = ["", "-wal", "-shm"] as const;

/**
 * The database of a state folder. A damaged file is put aside under a name that says when, and an empty one takes its
 * place: what is in it is a history, and no reason for a monitor to stay away.
 * @throws UserError the folder cannot be written; MigrationError the file belongs to a newer version.
 */
export async function openStateDatabase(folder: string, log: Logger, now: number): Promise<Database<StateTables>> {
  const file = join(folder, "pulltrace.sqlite");
  const open = (): Promise<Database<StateTables>> =>
    openDatabase<StateTables>({ url: file, migrations: [stateMigrations] });
  try {
    const database = await open();
    try {
      await check(database);
      return database;
    } catch (error) {
      await database.close();
      throw error;
    }
  } catch (error) {
    if (error instanceof MigrationError || !isDamage(error) || !(await isFile(file))) throw error;
    const aside = `${file}.damaged-${new Date(now).toISOString().replaceAll(":", "-")}`;
    for (const part of parts) {
      if (await isFile(`${file}${part}`)) await rename(`${file}${part}`, `${aside}${part}`);
    }
    log.warn(
      { err: error, aside },
      "the state of the pull server is damaged: it was put aside, the history begins anew",
    );
    return open();
  }
}

/** Reads every page once: better now than in the middle of the day. */
async function check(database: Database<StateTables>): Promise<void> {
  await database.read
    .selectFrom("finished_pull")
    .select(({ fn }) => fn.max("status").as("last"))
    .execute();
  await database.read
    .selectFrom("learned_speed")
    .select(({ fn }) => fn.max("speeds").as("last"))
    .execute();
}

function isDamage(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ("errcode" in cause && typeof cause.errcode === "number" && damageCodes.has(cause.errcode & 0xff)) return true;
  }
  return error instanceof UserError && /is not a database of this program, or is damaged/.test(error.message);
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (entry) => entry.isFile(),
    () => false,
  );
}
