import { setTimeout as sleep } from "node:timers/promises";
import type { CompiledQuery, DatabaseConnection, Driver, QueryResult } from "kysely";
import { DatabaseMisuse, DatabaseUnavailable } from "./failure.ts";
import type { SqliteConnection } from "./sqlite-connection.ts";
import { isBusy } from "./sqlite-failure.ts";
import type { SqliteLog } from "./sqlite-log.ts";
import { WriterQueue } from "./writer-queue.ts";

export interface WriterLimits {
  readonly acquireTimeoutMs: number;
  readonly idleTransactionTimeoutMs: number;
}

/** Reads: one handle serves all, because every statement is over before the next one starts. */
export function createReadDriver(connection: SqliteConnection, isClosed: () => boolean): Driver {
  const shared: DatabaseConnection = {
    executeQuery: async <R>(query: CompiledQuery) => connection.execute<R>(query.sql, query.parameters),
    streamQuery: () => refuse("Rows are not streamed"),
  };
  return {
    init: async () => {},
    acquireConnection: async () => {
      if (isClosed()) throw closed();
      return shared;
    },
    beginTransaction: async () => refuse("`read` has no transactions: use `database.transaction`"),
    commitTransaction: async () => {},
    rollbackTransaction: async () => {},
    releaseConnection: async () => {},
    destroy: async () => {},
  };
}

export interface Writing {
  /** Makes commits durable; undefined where nothing needs to be. */
  readonly log: SqliteLog | undefined;
  readonly limits: WriterLimits;
  readonly isClosed: () => boolean;
  /** Told of each commit once readers see it, before the one who made it. */
  readonly onCommit: () => void;
}

/** Writes: one handle, given to one transaction after the other. */
export function createWriteDriver(connection: SqliteConnection, writing: Writing): Driver {
  const { log, limits, isClosed } = writing;
  const queue = new WriterQueue();
  return {
    init: async () => {},
    acquireConnection: async () => {
      if (isClosed()) throw closed();
      log?.assertSound();
      return new WriterTurn(connection, writing, await queue.enter(limits.acquireTimeoutMs));
    },
    beginTransaction: (turn) => turnOf(turn).begin(),
    commitTransaction: (turn) => turnOf(turn).commit(),
    rollbackTransaction: async (turn) => turnOf(turn).rollback(),
    releaseConnection: async (turn) => turnOf(turn).release(),
    destroy: async () => {},
  };
}

/** One transaction's time on the writing handle. It ends by itself when nothing happens for too long. */
class WriterTurn implements DatabaseConnection {
  readonly #connection: SqliteConnection;
  readonly #writing: Writing;
  readonly #leave: () => void;
  readonly #limits: WriterLimits;
  #idle: NodeJS.Timeout | undefined;
  #expired = false;

  constructor(connection: SqliteConnection, writing: Writing, leave: () => void) {
    this.#connection = connection;
    this.#writing = writing;
    this.#leave = leave;
    this.#limits = writing.limits;
  }

  async begin(): Promise<void> {
    await this.#untilFree("begin immediate");
    this.#idle = setTimeout(() => this.#expire(), this.#limits.idleTransactionTimeoutMs);
    this.#idle.unref();
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    this.#assertAlive();
    this.#idle?.refresh();
    return this.#connection.execute<R>(query.sql, query.parameters);
  }

  async commit(): Promise<void> {
    this.#assertAlive();
    clearTimeout(this.#idle);
    const commit = (): Promise<void> => this.#untilFree("commit");
    const { log, onCommit } = this.#writing;
    await (log === undefined ? commit() : log.commit(commit));
    onCommit();
  }

  /** Never throws: what made the rollback necessary is the error that matters. */
  rollback(): void {
    clearTimeout(this.#idle);
    if (this.#expired || !this.#connection.inTransaction) return;
    this.#connection.script("rollback");
  }

  release(): void {
    clearTimeout(this.#idle);
    if (!this.#expired && this.#connection.inTransaction) this.#connection.script("rollback");
    this.#leave();
  }

  streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    return refuse("Rows are not streamed");
  }

  #expire(): void {
    this.rollback();
    this.#expired = true;
    this.#leave();
  }

  #assertAlive(): void {
    if (!this.#expired) return;
    throw new DatabaseUnavailable(
      "timeout",
      `The transaction was rolled back: it sent no statement for ${this.#limits.idleTransactionTimeoutMs} ms.`,
    );
  }

  /** Another process may hold the file's write lock. SQLite would wait for it with the whole process standing still. */
  async #untilFree(statement: "begin immediate" | "commit"): Promise<void> {
    const giveUp = performance.now() + this.#limits.acquireTimeoutMs;
    for (let pauseMs = 2; ; pauseMs = Math.min(pauseMs * 2, 50)) {
      try {
        this.#connection.script(statement);
        return;
      } catch (error) {
        if (!isBusy(error) || performance.now() > giveUp) throw error;
      }
      await sleep(pauseMs * (0.5 + Math.random()));
    }
  }
}

function turnOf(connection: DatabaseConnection): WriterTurn {
  if (connection instanceof WriterTurn) return connection;
  throw new DatabaseMisuse("This connection belongs to another database.");
}

function closed(): DatabaseUnavailable {
  return new DatabaseUnavailable("closed", "The database has been closed.");
}

function refuse(message: string): never {
  throw new DatabaseMisuse(`${message}.`);
}
