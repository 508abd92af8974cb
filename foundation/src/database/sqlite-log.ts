import { type FileHandle, open } from "node:fs/promises";
import path from "node:path";
import { DatabaseUnavailable } from "./failure.ts";
import type { SqliteConnection } from "./sqlite-connection.ts";

/** Frames after which the log is brought into the database's file, so that it begins anew: 4 MiB. */
const CHECKPOINT_FRAMES = 1000;

/** Brings everything that was written to the log so far to the disk, on another thread. */
export type SyncLog = () => Promise<void>;

/**
 * The log of a database (`-wal`), and the order in which a commit becomes durable and visible. SQLite's own
 * `synchronous = full` would wait for the disk inside `commit`, with the whole process standing still. Here `commit` only
 * writes to the log, and the log is synced on another thread, before anybody hears of the commit.
 *
 * Until then readers stay where they were before it: what is not durable is seen by nobody, neither by one who asks nor by
 * one who follows events. ADR 17 has the races.
 */
export class SqliteLog {
  readonly #writer: SqliteConnection;
  readonly #reader: SqliteConnection;
  readonly #sync: SyncLog;
  #failure: Error | undefined;

  constructor(parts: { readonly writer: SqliteConnection; readonly reader: SqliteConnection; readonly sync: SyncLog }) {
    this.#writer = parts.writer;
    this.#reader = parts.reader;
    this.#sync = parts.sync;
  }

  /** @throws DatabaseUnavailable after the disk has once refused what was committed */
  assertSound(): void {
    if (this.#failure === undefined) return;
    throw new DatabaseUnavailable(
      "storage",
      `The log of the database could not be brought to the disk (${this.#failure.message}): nothing more is committed. ` +
        "Check the disk, then start the program again.",
      this.#failure,
    );
  }

  /** Runs `commit`, and resolves when what it has committed is durable and readers see it. One at a time. */
  async commit(commit: () => Promise<void>): Promise<void> {
    this.assertSound();
    try {
      // A read makes the snapshot; `begin` alone does not.
      this.#reader.script("begin; select 1 from sqlite_master limit 1");
      await commit();
    } catch (error) {
      if (this.#reader.inTransaction) this.#reader.script("commit");
      throw error;
    }
    try {
      await this.#sync();
    } catch (error) {
      // For good, and readers stay before it: the system counts pages that it failed to write as written, so the next sync
      // would find nothing wrong.
      this.#failure = error instanceof Error ? error : new Error(String(error));
      this.assertSound();
    }
    this.#reader.script("commit");
    this.#checkpoint();
  }

  /**
   * Inside `commit`, where SQLite would do it, readers still stand before the last commit; then it never gets to the end of
   * the log, which would grow without end.
   */
  #checkpoint(): void {
    try {
      const [state] = this.#writer.execute<{ log: number }>("pragma wal_checkpoint(noop)", []).rows;
      if (state !== undefined && state.log >= CHECKPOINT_FRAMES) this.#writer.script("pragma wal_checkpoint(passive)");
    } catch {
      // The commit stands in the log, and the next one tries again. A disk that is full or broken says so there.
    }
  }
}

/**
 * The log's file, to be synced. It is the one that SQLite writes: as long as this process has the database open, nobody
 * removes it. Opening and closing it drops no lock: SQLite's are on the database's file and on the index of the log.
 */
export async function openLogFile(database: string): Promise<FileHandle> {
  const folder = await open(path.dirname(database), "r");
  try {
    const log = await open(`${database}-wal`, "r");
    // What a process that was killed has written there, and its name: from now on they are seen.
    await log.datasync();
    await folder.sync();
    return log;
  } finally {
    await folder.close();
  }
}
