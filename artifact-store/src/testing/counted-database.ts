import type { Database, Kysely, Transaction } from "@waybill/foundation/database";
import type { StoreTables } from "../catalog/index.ts";

/** The same database, and a word for each statement that is answered, begin and commit apart. */
export function countedDatabase(database: Database<StoreTables>, count: () => void): Database<StoreTables> {
  const plugin: Parameters<Kysely<StoreTables>["withPlugin"]>[0] = {
    transformQuery: ({ node }) => node,
    transformResult: async ({ result }) => {
      count();
      return await Promise.resolve(result);
    },
  };
  const originals = new WeakMap<object, Transaction<StoreTables>>();
  const counting: Database<StoreTables> = {
    dialect: database.dialect,
    read: database.read.withPlugin(plugin),
    get version() {
      return database.version;
    },
    transaction: (work) =>
      database.transaction((tx) => {
        const watched = tx.withPlugin(plugin);
        originals.set(watched, tx);
        return work(watched);
      }),
    onCommit: (tx, done) => database.onCommit(originals.get(tx) ?? tx, done),
    check: () => database.check(),
    close: () => database.close(),
    // Who follows the events reads them whenever there are new ones: that is no part of a push.
    as: <T>() => ({ ...counting, read: database.read }) as unknown as Database<T>,
  };
  return counting;
}
