import type { CompiledQuery, DatabaseConnection, Driver, QueryResult } from "kysely";
import { DatabaseMisuse } from "./failure.ts";

/** Says in our words what an error of the database means. */
export type Translate = (error: unknown) => unknown;

/**
 * Wraps a dialect's driver so that both dialects behave alike: same parameters refused, same error types, and a
 * transaction in which a statement failed can only be rolled back.
 */
export function guardDriver(driver: Driver, translate: Translate): Driver {
  const translated = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw translate(error);
    }
  };
  return {
    init: (options) => driver.init(options),
    acquireConnection: (options) =>
      translated(async () => new GuardedConnection(await driver.acquireConnection(options), translate)),
    async beginTransaction(connection, settings) {
      const guarded = guardOf(connection);
      await translated(() => driver.beginTransaction(guarded.inner, settings));
      guarded.begin();
    },
    async commitTransaction(connection) {
      const guarded = guardOf(connection);
      guarded.assertSound();
      await translated(() => driver.commitTransaction(guarded.inner));
    },
    rollbackTransaction: (connection) => driver.rollbackTransaction(guardOf(connection).inner),
    releaseConnection: (connection, options) => driver.releaseConnection(guardOf(connection).inner, options),
    destroy: (options) => driver.destroy(options),
  };
}

class GuardedConnection implements DatabaseConnection {
  readonly inner: DatabaseConnection;
  readonly #translate: Translate;
  #inTransaction = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(inner: DatabaseConnection, translate: Translate) {
    this.inner = inner;
    this.#translate = translate;
  }

  begin(): void {
    this.#inTransaction = true;
  }

  assertSound(): void {
    if (this.#failure === undefined) return;
    throw new DatabaseMisuse(
      "A statement of this transaction failed, so it can only be rolled back, even though the error was caught. " +
        "Use `on conflict` where a conflict is expected.",
      { cause: this.#failure.error },
    );
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    this.assertSound();
    try {
      checkParameters(query.parameters);
      return await this.inner.executeQuery<R>(query);
    } catch (error) {
      const translated = this.#translate(error);
      if (this.#inTransaction) this.#failure = { error: translated };
      throw translated;
    }
  }

  // oxlint-disable-next-line require-yield -- a generator by its type, a refusal by what it does
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new DatabaseMisuse("Rows are not streamed: read a page by key, then the next.");
  }
}

function guardOf(connection: DatabaseConnection): GuardedConnection {
  if (connection instanceof GuardedConnection) return connection;
  throw new DatabaseMisuse("This connection belongs to another database.");
}

/** @throws DatabaseMisuse for what the two dialects would not store alike */
export function checkParameters(parameters: readonly unknown[]): void {
  for (let index = 0; index < parameters.length; index++) {
    const wrong = refuse(parameters[index]);
    if (wrong !== undefined) throw new DatabaseMisuse(`Parameter ${index + 1} is ${wrong}.`);
  }
}

/** What is wrong with a value, or undefined when both dialects store it alike. */
function refuse(value: unknown): string | undefined {
  switch (typeof value) {
    case "string":
      return value.includes("\0") ? "a string with a NUL character, which PostgreSQL cannot hold" : undefined;
    case "number":
      return Number.isFinite(value) ? undefined : "not a finite number";
    case "bigint":
      return undefined;
    case "boolean":
      return "a boolean: store 0 or 1";
    case "undefined":
      return "undefined: say null, or leave the column out";
    case "object":
      if (value === null || value instanceof Uint8Array) return undefined;
      return value instanceof Date ? "a date: store integer milliseconds" : "an object: store JSON text";
    default:
      return `a ${typeof value}`;
  }
}
