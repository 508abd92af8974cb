import { UserError } from "../errors/index.ts";
import { type Database, type DatabaseOptions, defaultLimits } from "./contract.ts";
import { openSqlite } from "./sqlite.ts";
import { EngineDatabase } from "./transactions.ts";

/**
 * Opens a database and brings its schema up to date.
 *
 * @throws UserError what failed and what to do: no connection, no right, not a database; `MigrationError` when the schema
 *   does not belong to this program. No message holds a password.
 */
export async function openDatabase<S>(options: DatabaseOptions): Promise<Database<S>> {
  const limits = { ...defaultLimits, ...options.limits };
  const { url, migrations } = options;
  if (/^postgres(ql)?:\/\//i.test(url)) {
    // Its driver is loaded by those who have such a database.
    const { openPostgres } = await import("./postgres.ts");
    return new EngineDatabase<S>(await openPostgres(url, migrations, limits));
  }
  const file = url.replace(/^sqlite:(\/\/(?=\/))?/, "");
  const scheme = /^([a-z][a-z0-9+.-]+):\/\//i.exec(file)?.[1];
  if (scheme !== undefined || file === "") {
    throw new UserError(
      scheme === undefined ? "The database address is empty." : `There is no database of the kind ${scheme}://.`,
      "Give a file path, or postgres://user:password@host:5432/name.",
    );
  }
  return new EngineDatabase<S>(await openSqlite(file, migrations, limits));
}
