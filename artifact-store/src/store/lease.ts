import { setTimeout as sleep } from "node:timers/promises";
import type { Database, Transaction } from "@waybill/foundation/database";
import { UserError } from "@waybill/foundation/errors";
import {
  beatLease,
  becomeWriter,
  giveLeaseBack,
  holdsLease,
  readLease,
  takeLease,
  type StoreTables,
} from "../catalog/index.ts";
import { StoreError } from "../errors/index.ts";

/** How often the holder shows that it is there, and how long it may be silent before others take over. Milliseconds. */
export interface LeaseTimes {
  readonly beatMs: number;
  readonly silenceMs: number;
}

const defaultLeaseTimes: LeaseTimes = { beatMs: 3000, silenceMs: 20_000 };

/** The right to write to a store whose bytes other machines reach, too. */
export interface Lease {
  /** For the start of each transaction. @throws StoreError STORAGE_UNAVAILABLE when somebody else has taken the lease */
  guard(tx: Transaction<StoreTables>): Promise<void>;
  /** Gives it back, so that the next one need not wait. */
  close(): Promise<void>;
}

/**
 * Takes the lease of a catalog. Waits for a holder that is silent until it counts as gone; times are measured by this
 * machine's monotonic clock alone, so that clocks need not agree.
 *
 * The lease is fenced: every transaction of the store asks in itself whether its term is still the newest. A process that
 * was stopped for an hour and goes on finds out before it changes anything. Requests to remove bytes that are on their way
 * then do no harm either: keys on shared places are never used again.
 * @param holder names the folder of the caller, who has the lock on it: an older process of the same folder is gone
 * @throws UserError when another process shows that it is there
 */
export async function holdLease(
  database: Database<StoreTables>,
  holder: string,
  times: LeaseTimes = defaultLeaseTimes,
): Promise<Lease> {
  const term = await take(database, holder, times);
  let isLost = false;
  let beating: Promise<void> = Promise.resolve();
  const beat = async (): Promise<void> => {
    try {
      isLost ||= !(await database.transaction((tx) => beatLease(tx, term)));
    } catch {
      // The database does not answer: what needs the lease needs the database, too.
    }
  };
  const timer = setInterval(() => {
    beating = beating.then(beat);
  }, times.beatMs);
  timer.unref();
  return {
    async guard(tx) {
      if (!isLost && (await holdsLease(tx, term))) return;
      isLost = true;
      throw new StoreError(
        "STORAGE_UNAVAILABLE",
        "another process has taken this store over while this one was silent: end this one, or start it again",
      );
    },
    async close() {
      clearInterval(timer);
      await beating;
      await database.transaction((tx) => giveLeaseBack(tx, term)).catch(() => undefined); // the next one waits then
    },
  };
}

async function take(database: Database<StoreTables>, holder: string, times: LeaseTimes): Promise<number> {
  let seen = await readLease(database.read);
  let since = performance.now();
  for (;;) {
    const isFree = seen === undefined || seen.holder === "" || seen.holder === holder;
    if (isFree || performance.now() - since >= times.silenceMs) {
      const before = seen;
      const term = await database.transaction(async (tx) => {
        // What the last holder is still about ends first.
        await becomeWriter(tx, database.dialect);
        return await takeLease(tx, holder, before);
      });
      if (term !== undefined) return term;
    } else {
      await sleep(Math.min(200, times.beatMs));
    }
    const now = await readLease(database.read);
    if (
      now !== undefined &&
      seen !== undefined &&
      now.holder !== "" &&
      now.holder !== holder &&
      now.beat !== seen.beat
    ) {
      throw new UserError(
        "this store is in use by another process",
        "End that one first, or talk to it over HTTP: one process at a time writes to a store.",
      );
    }
    if (now?.term !== seen?.term || now?.beat !== seen?.beat) since = performance.now();
    seen = now;
  }
}
