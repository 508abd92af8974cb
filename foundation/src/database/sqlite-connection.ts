import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import type { QueryResult } from "kysely";

interface Prepared {
  readonly statement: StatementSync;
  readonly returnsRows: boolean;
}

/** Lists of any length (`in (?, ?, …)`) make ever new statements: beyond this the oldest goes. */
const KEPT_STATEMENTS = 400;

/** One open handle, with the statements that it has prepared. Every call is synchronous and finished when it returns. */
export class SqliteConnection {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, Prepared>();

  constructor(
    path: string,
    options: { readonly readOnly: boolean; readonly foreignKeys: boolean; readonly busyMs: number },
  ) {
    this.#database = new DatabaseSync(path, {
      readOnly: options.readOnly,
      enableForeignKeyConstraints: options.foreignKeys,
      enableDoubleQuotedStringLiterals: false,
      timeout: options.busyMs,
    });
    // `like` tells upper from lower case, as PostgreSQL's does; and it can use an index for a prefix.
    this.#database.exec("pragma case_sensitive_like = on");
    // What is deleted or written over leaves nothing behind in its page; pages that need no write get none for this.
    this.#database.exec("pragma secure_delete = fast");
  }

  get inTransaction(): boolean {
    return this.#database.isTransaction;
  }

  /** Runs a text of any number of statements. */
  script(sql: string): void {
    this.#database.exec(sql);
  }

  execute<R>(sql: string, parameters: readonly unknown[]): QueryResult<R> {
    const { statement, returnsRows } = this.#prepare(sql);
    // The guard has let through nothing but what SQLite can bind.
    const values = parameters as readonly SQLInputValue[];
    if (returnsRows) return { rows: statement.all(...values) as R[] };
    return { rows: [], numAffectedRows: BigInt(statement.run(...values).changes) };
  }

  close(): void {
    this.#statements.clear();
    if (this.#database.isOpen) this.#database.close();
  }

  #prepare(sql: string): Prepared {
    const kept = this.#statements.get(sql);
    if (kept !== undefined) return kept;
    const statement = this.#database.prepare(sql);
    const prepared = { statement, returnsRows: statement.columns().length > 0 };
    if (this.#statements.size >= KEPT_STATEMENTS) {
      const [oldest] = this.#statements.keys();
      if (oldest !== undefined) this.#statements.delete(oldest);
    }
    this.#statements.set(sql, prepared);
    return prepared;
  }
}
