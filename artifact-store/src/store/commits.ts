import type { Database, Transaction } from "@waybill/foundation/database";
import type { EventLog } from "@waybill/foundation/eventlog";
import type { StoreTables } from "../catalog/index.ts";
import { eventOf, type StoreEvent } from "../events/index.ts";

/** Says what happened, in the order in which it did. */
export type Tell = (event: StoreEvent) => void;

/** A change of the catalog and the events that tell of it: one commit, durable when it resolves. */
export class Commits {
  readonly #database: Database<StoreTables>;
  readonly #events: EventLog;

  constructor(database: Database<StoreTables>, events: EventLog) {
    this.#database = database;
    this.#events = events;
  }

  async commit<T>(change: (tx: Transaction<StoreTables>, tell: Tell) => Promise<T>): Promise<T> {
    return await this.#database.transaction(async (tx) => {
      const told: StoreEvent[] = [];
      const result = await change(tx, (event) => told.push(event));
      if (told.length > 0) await this.#events.append(tx, told.map(eventOf));
      return result;
    });
  }
}
