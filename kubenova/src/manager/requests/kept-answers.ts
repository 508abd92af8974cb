import { sql } from "kysely";
import type { Database } from "@waybill/foundation/database";
import { problemOf } from "../problems.ts";
import type { KeyRow, ManagerTables, ManagerTransaction } from "../storage/index.ts";
import { idempotencyHeader, keyLifetimeMs, type KeyScope } from "./idempotency-key.ts";

export interface KeptAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON text; null when the answer had no body. */
  readonly body: string | null;
}

function stillRunning(): Error {
  return problemOf(409, `The first request with this ${idempotencyHeader} is still running. Try again in a moment.`, {
    headers: { "retry-after": "1" },
  });
}

/**
 * Answers that are kept for their idempotency key. A key's row is written in the transaction of the change itself:
 * after a crash either both are there or neither, so that a key is never locked by a request that died.
 * Only success is kept: a refused request changed nothing, and may be sent again.
 */
export class KeptAnswers {
  readonly #database: Database<ManagerTables>;
  readonly #now: () => number;
  /** Keys that this process works on. Other processes on the same PostgreSQL are seen by an advisory lock. */
  readonly #running = new Set<string>();

  constructor(database: Database<ManagerTables>, now: () => number) {
    this.#database = database;
    this.#now = now;
  }

  /**
   * Runs `work` while no other request with this key runs in this process.
   * @throws Problem 409 when one does.
   */
  async alone<T>(scope: KeyScope, work: () => Promise<T>): Promise<T> {
    const name = JSON.stringify(scope);
    if (this.#running.has(name)) throw stillRunning();
    this.#running.add(name);
    try {
      return await work();
    } finally {
      this.#running.delete(name);
    }
  }

  /**
   * The answer that was kept for a key.
   * @throws Problem 409 when another process works on the key, 422 when it came with another request.
   */
  async find(tx: ManagerTransaction, scope: KeyScope, fingerprint: string): Promise<KeptAnswer | undefined> {
    if (this.#database.dialect === "postgres") await this.#lock(tx, scope);
    const row = await tx
      .selectFrom("kubenova_idempotency_keys")
      .selectAll()
      .where("caller", "=", scope.caller)
      .where("route", "=", scope.route)
      .where("key", "=", scope.key)
      .where("created_at", ">", this.#now() - keyLifetimeMs)
      .executeTakeFirst();
    if (row === undefined) return undefined;
    if (row.fingerprint !== fingerprint) {
      throw problemOf(422, `This ${idempotencyHeader} was used for another request. Take a new key for a new request.`);
    }
    return { status: row.status, headers: JSON.parse(row.headers) as Record<string, string>, body: row.body };
  }

  async keep(tx: ManagerTransaction, scope: KeyScope, fingerprint: string, answer: KeptAnswer): Promise<void> {
    const row: KeyRow = {
      ...scope,
      fingerprint,
      status: answer.status,
      headers: JSON.stringify(answer.headers),
      body: answer.body,
      created_at: this.#now(),
    };
    // An expired row may still be there; a living one cannot, because `find` looked under the lock.
    await tx
      .insertInto("kubenova_idempotency_keys")
      .values(row)
      .onConflict((conflict) => conflict.columns(["caller", "route", "key"]).doUpdateSet(row))
      .execute();
  }

  /** Deletes what has expired. */
  async sweep(): Promise<void> {
    const expired = this.#now() - keyLifetimeMs;
    await this.#database.transaction(async (tx) => {
      await tx.deleteFrom("kubenova_idempotency_keys").where("created_at", "<=", expired).execute();
    });
  }

  /** Held until the transaction ends, also when its process dies. Two keys may share a lock: then one is told to wait. */
  async #lock(tx: ManagerTransaction, scope: KeyScope): Promise<void> {
    const name = `kubenova idempotency ${JSON.stringify(scope)}`;
    const { rows } = await sql<{ locked: boolean }>`
      select pg_try_advisory_xact_lock(hashtextextended(${name}, 0)) as locked
    `.execute(tx);
    if (rows[0]?.locked !== true) throw stillRunning();
  }
}
