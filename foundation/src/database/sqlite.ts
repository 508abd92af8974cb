import { type BigIntStats, rmSync, statSync } from "node:fs";
import { mkdir, mkdtemp, open } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import {
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type Dialect as KyselyDialect,
  type Driver,
} from "kysely";
import { UserError } from "../errors/index.ts";
import type { DatabaseLimits, MigrationSet } from "./contract.ts";
import type { Engine } from "./engine.ts";
import { DatabaseUnavailable, MigrationError } from "./failure.ts";
import { checkParameters, guardDriver } from "./guard.ts";
import { migrate } from "./migrate.ts";
import { SqliteConnection } from "./sqlite-connection.ts";
import { createReadDriver, createWriteDriver } from "./sqlite-driver.ts";
import { openLogFile, SqliteLog } from "./sqlite-log.ts";
import { isUnreadable, sqliteCode, translateSqlite } from "./sqlite-failure.ts";
import { sqliteMigrationSession } from "./sqlite-migration.ts";

const IN_MEMORY = ":memory:";

/** How long SQLite itself waits for a lock, with the whole process standing still. Longer waits are ours, and stand beside. */
const BUSY_MS = 20;

/**
 * Opens the file, creating it with its folders, and migrates it. WAL: readers see the last commit while a writer works.
 * A transaction that has resolved survives a power cut (`SqliteLog`).
 */
export async function openSqlite(
  file: string,
  migrations: readonly MigrationSet[],
  limits: DatabaseLimits,
): Promise<Engine> {
  const inMemory = file === IN_MEMORY;
  const place = inMemory
    ? path.join(await mkdtemp(path.join(tmpdir(), "waybill-memory-")), "memory.sqlite")
    : path.resolve(file);
  try {
    if (!inMemory) await createFile(place);
    await migrateFile(place, migrations, limits);
    return await openHandles(place, limits, inMemory);
  } catch (error) {
    throw startError(error, file);
  } finally {
    // The handles keep a file without a name alive: it is gone with the process, however that ends.
    if (inMemory) rmSync(path.dirname(place), { recursive: true, force: true });
  }
}

async function openHandles(place: string, limits: DatabaseLimits, inMemory: boolean): Promise<Engine> {
  const writer = new SqliteConnection(place, { readOnly: false, foreignKeys: true, busyMs: BUSY_MS });
  // `normal`: SQLite syncs the log before it begins it anew and before a checkpoint, and `SqliteLog` does all else.
  // When the log begins anew it is cut back, so that one large transaction does not keep the disk for ever.
  writer.script(
    `pragma synchronous = ${inMemory ? "off" : "normal; pragma wal_autocheckpoint = 0"}; pragma journal_size_limit = 16777216`,
  );
  const reader = new SqliteConnection(place, { readOnly: true, foreignKeys: true, busyMs: 5000 });
  // Opens the log and its index now, while they have a name.
  reader.execute("select count(*) from sqlite_master", []);
  writer.execute("select count(*) from sqlite_master", []);
  const logFile = inMemory ? undefined : await openLogFile(place);
  const log = logFile && new SqliteLog({ writer, reader, sync: () => logFile.datasync() });
  const file = inMemory ? undefined : statSync(place, { bigint: true });
  let closed = false;
  let version = 0;
  const isClosed = (): boolean => closed;
  const translate = (error: unknown): unknown => translateSqlite(error, place);
  return {
    dialect: "sqlite",
    read: dialectOf(guardDriver(createReadDriver(reader, isClosed), translate)),
    write: dialectOf(
      guardDriver(createWriteDriver(writer, { log, limits, isClosed, onCommit: () => version++ }), translate),
    ),
    version: () => version,
    answer(sql, parameters) {
      if (closed) throw new DatabaseUnavailable("closed", "The database has been closed.");
      checkParameters(parameters);
      try {
        return reader.execute(sql, parameters).rows;
      } catch (error) {
        throw translate(error);
      }
    },
    async check() {
      if (closed) throw new DatabaseUnavailable("closed", "The database has been closed.");
      log?.assertSound();
      if (file !== undefined) assertSameFile(place, file);
      try {
        reader.execute("select count(*) from sqlite_master", []);
      } catch (error) {
        throw translate(error);
      }
    },
    async close() {
      if (closed) return;
      closed = true;
      await logFile?.close();
      reader.close();
      writer.close();
    },
  };
}

function dialectOf(driver: Driver): KyselyDialect {
  return {
    createDriver: () => driver,
    createQueryCompiler: () => new SqliteQueryCompiler(),
    createAdapter: () => new QueuedSqliteAdapter(),
    createIntrospector: (database) => new SqliteIntrospector(database),
  };
}

/** Kysely would let one query at a time through; our queue and SQLite's own snapshots do better. */
class QueuedSqliteAdapter extends SqliteAdapter {
  override get supportsMultipleConnections(): boolean {
    return true;
  }
}

async function migrateFile(place: string, migrations: readonly MigrationSet[], limits: DatabaseLimits): Promise<void> {
  const connection = new SqliteConnection(place, { readOnly: false, foreignKeys: false, busyMs: 1000 });
  try {
    connection.script("pragma journal_mode = wal; pragma synchronous = full");
    await migrate(sqliteMigrationSession(connection, limits.migrationLockTimeoutMs), migrations);
  } finally {
    connection.close();
  }
}

/** For the owner alone, because rows hold secrets. The folder is synced: the name of a new file must survive a power cut. */
async function createFile(place: string): Promise<void> {
  const folder = path.dirname(place);
  await mkdir(folder, { recursive: true });
  const created = await open(place, "ax", 0o600).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "EEXIST") return undefined;
    throw error;
  });
  if (created === undefined) return;
  await created.close();
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Somebody who removes or replaces the file under a running program takes the next commits with it: say so at once. */
function assertSameFile(place: string, opened: BigIntStats): void {
  const now = statSync(place, { bigint: true, throwIfNoEntry: false });
  if (now?.ino === opened.ino && now.dev === opened.dev) return;
  throw new DatabaseUnavailable(
    "storage",
    `The database file ${place} was ${now === undefined ? "removed" : "replaced"} while the program ran: stop it, restore the file, start again.`,
  );
}

function startError(error: unknown, file: string): unknown {
  if (error instanceof MigrationError || error instanceof UserError) return error;
  if (isUnreadable(error)) {
    return new UserError(
      `The file ${file} is not a database of this program, or is damaged.`,
      "Name another file, or restore this one from a backup.",
      { cause: error },
    );
  }
  const isFault = sqliteCode(error) !== undefined || (error instanceof Error && "syscall" in error);
  if (!isFault) return error;
  return new UserError(
    `The database file ${file} cannot be opened: ${error instanceof Error ? error.message : String(error)}`,
    "Check that the folder exists, has room, and may be written by this user.",
    { cause: error },
  );
}
