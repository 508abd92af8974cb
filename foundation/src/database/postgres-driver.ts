import type { CompiledQuery, DatabaseConnection, Driver, QueryResult } from "kysely";
import type { Pool, PoolClient } from "pg";
import { DatabaseMisuse, DatabaseUnavailable } from "./failure.ts";
import { isBrokenConnection } from "./postgres-failure.ts";
import { PreparedStatements } from "./prepared-statements.ts";

/** One connection of the pool per query or transaction. A connection whose state is in doubt is closed, not reused. */
export function createPostgresDriver(pool: Pool, options: { readonly transactions: boolean }): Driver {
  const prepared = new PreparedStatements();
  return {
    init: async () => {},
    acquireConnection: async () => new Lease(await pool.connect(), prepared),
    async beginTransaction(lease) {
      if (!options.transactions) throw new DatabaseMisuse("`read` has no transactions: use `database.transaction`.");
      await leaseOf(lease).command("begin");
    },
    async commitTransaction(lease) {
      const tag = await leaseOf(lease).command("commit");
      // The server answers a commit of a failed transaction with a rollback.
      if (tag !== "COMMIT") throw new DatabaseMisuse("The transaction had failed and was rolled back.");
    },
    rollbackTransaction: (lease) => leaseOf(lease).rollback(),
    releaseConnection: async (lease) => leaseOf(lease).release(),
    destroy: async () => {},
  };
}

class Lease implements DatabaseConnection {
  readonly #client: PoolClient;
  readonly #prepared: PreparedStatements;
  readonly #onLost = (): void => {
    this.#broken = true;
  };
  #broken = false;

  constructor(client: PoolClient, prepared: PreparedStatements) {
    this.#client = client;
    this.#prepared = prepared;
    // Between two queries nobody else hears of a lost connection, and an unheard "error" event ends the process.
    client.on("error", this.#onLost);
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const result = await this.#query(query.sql, query.parameters);
    const rows = result.rows as R[];
    return result.command === "SELECT" || result.rowCount === null
      ? { rows }
      : { rows, numAffectedRows: BigInt(result.rowCount) };
  }

  async command(sql: "begin" | "commit"): Promise<string> {
    return (await this.#query(sql, [])).command;
  }

  /** Never throws: what made the rollback necessary is the error that matters. */
  async rollback(): Promise<void> {
    if (this.#broken) return;
    try {
      await this.#query("rollback", []);
    } catch {
      this.#broken = true; // closing the connection rolls back as well
    }
  }

  release(): void {
    this.#client.off("error", this.#onLost);
    this.#client.release(this.#broken);
  }

  streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new DatabaseMisuse("Rows are not streamed.");
  }

  async #query(sql: string, parameters: readonly unknown[]) {
    if (this.#broken) throw new DatabaseUnavailable("connection", "The connection to the database was lost.");
    try {
      // Without parameters it is one of those few that need no plan: begin, commit, rollback.
      const name = parameters.length === 0 ? undefined : this.#prepared.nameOf(sql);
      return await this.#client.query<Record<string, unknown>>({
        text: sql,
        values: [...parameters],
        ...(name === undefined ? {} : { name }),
      });
    } catch (error) {
      if (isBrokenConnection(error)) this.#broken = true;
      throw error;
    }
  }
}

function leaseOf(connection: DatabaseConnection): Lease {
  if (connection instanceof Lease) return connection;
  throw new DatabaseMisuse("This connection belongs to another database.");
}
