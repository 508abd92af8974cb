import { setImmediate as nextTurn } from "node:timers/promises";
import { DatabaseUnavailable, type Database, type Transaction } from "@waybill/foundation/database";
import type { EventLog } from "@waybill/foundation/eventlog";
import { StoreError } from "../errors/index.ts";
import { eventOf, type StoreEvent } from "../events/index.ts";
import type { StoreTables } from "./schema.ts";
import { becomeWriter } from "./writer.ts";

/** Says what happened, in the order in which it did. */
type Tell = (event: StoreEvent) => void;

/**
 * A change of the catalog. It may run twice: it reads and writes through `tx` alone, and what it returns counts only when
 * it was committed.
 */
type Change<T> = (tx: Transaction<StoreTables>, tell: Tell) => Promise<T>;

interface Waiting {
  /** Runs the change and answers what its owner is told after the commit. */
  run(tx: Transaction<StoreTables>, tell: Tell): Promise<() => void>;
  reject(reason: unknown): void;
}

const mostInAGroup = 64;

/**
 * Changes and the events that tell of them, durable when `commit` resolves.
 *
 * They run one after another, and those that come while others run share the next commit, since each commit waits for a
 * disk. When one of a group fails, the group is rolled back and each runs by itself: a failure is its owner's alone.
 * On PostgreSQL, too: side by side, changes of one store spend their time waiting for each other's rows and for the counter
 * of the events, and now and then two of them for each other.
 */
export class Commits {
  readonly #database: Database<StoreTables>;
  readonly #events: EventLog;
  readonly #waiting: Waiting[] = [];
  readonly #guard: ((tx: Transaction<StoreTables>) => Promise<void>) | undefined;
  readonly #makeRoom: (() => Promise<boolean>) | undefined;
  #working = false;

  constructor(
    database: Database<StoreTables>,
    events: EventLog,
    options: {
      /** Begins every transaction, and rejects when this process may not write any more. */
      readonly guard?: ((tx: Transaction<StoreTables>) => Promise<void>) | undefined;
      /** Called when the disk is full; true: there is room now. */
      readonly makeRoom?: (() => Promise<boolean>) | undefined;
    } = {},
  ) {
    this.#database = database;
    this.#events = events;
    this.#guard = options.guard;
    this.#makeRoom = options.makeRoom;
  }

  commit<T>(change: Change<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        run: async (tx, tell) => {
          const result = await change(tx, tell);
          return () => resolve(result);
        },
        reject,
      };
      this.#waiting.push(waiting);
      if (!this.#working) void this.#work();
    });
  }

  async #work(): Promise<void> {
    this.#working = true;
    while (this.#waiting.length > 0) {
      // Lets everybody in who has come to the same point in this turn of the event loop.
      await nextTurn();
      await this.#together(this.#waiting.splice(0, mostInAGroup));
    }
    this.#working = false;
  }

  /** Never rejects: every owner is told. */
  async #together(group: readonly Waiting[]): Promise<void> {
    try {
      const committed = await this.#database.transaction(async (tx) => {
        await becomeWriter(tx, this.#database.dialect);
        await this.#guard?.(tx);
        const told: StoreEvent[] = [];
        const results: (() => void)[] = [];
        for (const waiting of group) results.push(await waiting.run(tx, (event) => told.push(event)));
        // Last, as the log asks: writers of other processes wait for its counter from here on.
        if (told.length > 0) await this.#events.append(tx, told.map(eventOf));
        return results;
      });
      for (const tellOwner of committed) tellOwner();
    } catch (error) {
      const [only] = group;
      if (isFull(error) && (await this.#makeRoom?.()) === true) {
        await this.#together(group);
      } else if (group.length === 1) only?.reject(withoutRoom(error));
      else for (const waiting of group) await this.#together([waiting]);
    }
  }
}

function isFull(error: unknown): boolean {
  return error instanceof DatabaseUnavailable && error.reason === "full";
}

/**
 * Whether a change failed because the catalog's disk takes nothing now. While that lasts nothing is collected either, and
 * reading need not be written down.
 */
export function isUnwritable(error: unknown): boolean {
  if (error instanceof StoreError) return error.code === "STORAGE_FULL";
  return error instanceof DatabaseUnavailable && error.reason === "storage";
}

/** A full disk is the same thing to a client, whether bytes or their catalog did not fit. */
function withoutRoom(error: unknown): unknown {
  if (!isFull(error)) return error;
  return new StoreError("STORAGE_FULL", "no room left on the disk of the catalog: free some, or grow it", {
    cause: error,
  });
}
