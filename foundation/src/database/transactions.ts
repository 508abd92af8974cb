import { AsyncLocalStorage } from "node:async_hooks";
import { Kysely, type Transaction } from "kysely";
import type { Database, Dialect } from "./contract.ts";
import type { Engine } from "./engine.ts";
import { DatabaseMisuse, DatabaseUnavailable } from "./failure.ts";
import { answerDirectly } from "./prepared-query.ts";

/** What is known of a transaction while it runs. */
interface Running {
  open: boolean;
  readonly onCommit: (() => void)[];
}

/** The promises of `Database` that are the same on every engine. */
export class EngineDatabase<S> implements Database<S> {
  readonly dialect: Dialect;
  readonly read: Kysely<S>;
  readonly #engine: Engine;
  readonly #write: Kysely<S>;
  /** Which transaction the calling code is in: a second one would wait for the first for ever. */
  readonly #current = new AsyncLocalStorage<Running>();
  readonly #running = new WeakMap<object, Running>();
  readonly #unfinished = new Set<Promise<unknown>>();
  #closing: Promise<void> | undefined;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.dialect = engine.dialect;
    this.read = new Kysely<S>({ dialect: engine.read });
    if (engine.answer !== undefined) answerDirectly(this.read, engine.answer);
    this.#write = new Kysely<S>({ dialect: engine.write });
  }

  get version(): number | undefined {
    return this.#engine.version?.();
  }

  async transaction<T>(work: (tx: Transaction<S>) => Promise<T>): Promise<T> {
    if (this.#current.getStore()?.open === true) {
      throw new DatabaseMisuse(
        "A transaction is open here already: pass its `tx` along instead of opening a second one.",
      );
    }
    if (this.#closing !== undefined) throw new DatabaseUnavailable("closed", "The database is closing.");
    const running: Running = { open: true, onCommit: [] };
    const outcome = this.#current.run(running, () => this.#execute(running, work));
    this.#unfinished.add(outcome);
    try {
      return await outcome;
    } finally {
      this.#unfinished.delete(outcome);
    }
  }

  onCommit(tx: Transaction<S>, done: () => void): void {
    const running = this.#running.get(tx);
    if (running?.open !== true) {
      throw new DatabaseMisuse("`onCommit` takes the `tx` of a running transaction of this database.");
    }
    running.onCommit.push(done);
  }

  check(): Promise<void> {
    return this.#engine.check();
  }

  close(): Promise<void> {
    this.#closing ??= Promise.allSettled(this.#unfinished).then(() => this.#engine.close());
    return this.#closing;
  }

  as<T>(): Database<T> {
    // Types are all that differs: the tables of T are in the same database.
    return this as unknown as Database<T>;
  }

  async #execute<T>(running: Running, work: (tx: Transaction<S>) => Promise<T>): Promise<T> {
    let result: T;
    try {
      result = await this.#write.transaction().execute((tx) => {
        this.#running.set(tx, running);
        return work(tx);
      });
    } finally {
      running.open = false;
    }
    for (const done of running.onCommit) callAfterCommit(done);
    return result;
  }
}

function callAfterCommit(done: () => void): void {
  try {
    done();
  } catch (error) {
    process.emitWarning(error instanceof Error ? error : new Error(String(error)));
  }
}
