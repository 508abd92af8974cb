import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { ConstraintError, DatabaseMisuse, DatabaseUnavailable } from "./index.ts";
import { depot, gate, type ParcelDatabase } from "./testing/parcel-database.ts";

/** What transactions promise, and who hears of their end. */
export function transactionSuite(here: ParcelDatabase): void {
  describe("transactions", () => {
    it("keep what they did and give their result", async () => {
      const result = await here.database.transaction(async (tx) => {
        await tx.insertInto("depot").values(depot(1)).execute();
        return "done";
      });
      expect(result).toBe("done");
      expect(await here.database.read.selectFrom("depot").selectAll().execute()).toEqual([depot(1)]);
    });

    it("keep nothing when their work throws, and give the same error", async () => {
      const error = new Error("changed my mind");
      const attempt = here.database.transaction(async (tx) => {
        await tx.insertInto("depot").values(depot(1)).execute();
        throw error;
      });
      await expect(attempt).rejects.toBe(error);
      expect(await here.depotIds()).toEqual([]);
    });

    it("lose no update, however many run at once", async () => {
      await here.addDepot(1);
      await here.database.transaction((tx) =>
        tx.insertInto("parcel").values({ id: 1, depot: 1, weight: 0, note: null, label: null }).execute(),
      );
      await Promise.all(
        Array.from({ length: 40 }, () =>
          here.database.transaction((tx) =>
            tx
              .updateTable("parcel")
              .set((is) => ({ weight: is("weight", "+", 1) }))
              .where("id", "=", 1)
              .execute(),
          ),
        ),
      );
      const row = await here.database.read.selectFrom("parcel").select("weight").executeTakeFirstOrThrow();
      expect(row.weight).toBe(40);
    });

    it("are refused inside a transaction instead of waiting for it for ever", async () => {
      const attempt = here.database.transaction(async (tx) => {
        await tx.insertInto("depot").values(depot(1)).execute();
        await here.addDepot(2);
      });
      await expect(attempt).rejects.toThrow(/pass its `tx` along/);
      await expect(attempt).rejects.toBeInstanceOf(DatabaseMisuse);
      expect(await here.depotIds()).toEqual([]);
    });

    it("may be started by what a finished transaction left running", async () => {
      const finished = gate();
      let later: Promise<unknown> = Promise.resolve();
      await here.database.transaction(async (tx) => {
        await tx.insertInto("depot").values(depot(1)).execute();
        later = finished.reached.then(() => here.addDepot(2));
      });
      finished.open();
      await later;
      expect(await here.depotIds()).toEqual([1, 2]);
    });

    it("do nothing through a `tx` that is over", async () => {
      let kept: Parameters<Parameters<typeof here.database.transaction>[0]>[0] | undefined;
      await here.database.transaction(async (tx) => {
        kept = tx;
      });
      await expect(kept?.insertInto("depot").values(depot(1)).execute()).rejects.toThrow(/commit/);
      expect(await here.depotIds()).toEqual([]);
    });

    it("commit nothing after a statement failed, even when its error is caught", async () => {
      await here.addDepot(1);
      const attempt = here.database.transaction(async (tx) => {
        await tx.insertInto("depot").values(depot(2)).execute();
        await tx
          .insertInto("depot")
          .values(depot(1))
          .execute()
          .catch(() => {});
      });
      await expect(attempt).rejects.toThrow(/A statement of this transaction failed/);
      await expect(
        here.database.transaction(async (tx) => {
          await tx
            .insertInto("depot")
            .values(depot(1))
            .execute()
            .catch(() => {});
          await tx.insertInto("depot").values(depot(3)).execute();
        }),
      ).rejects.toThrow(/A statement of this transaction failed/);
      expect(await here.depotIds()).toEqual([1]);
    });

    it("are rolled back when they send no statement for too long, and hold nobody up", async () => {
      const impatient = await here.openAgain({ idleTransactionTimeoutMs: 1_000 });
      const asleep = impatient.transaction(async (tx) => {
        await tx.insertInto("depot").values(depot(1)).execute();
        await sleep(3_000);
        await tx.insertInto("depot").values(depot(2)).execute();
      });
      const awake = impatient.transaction((tx) => tx.insertInto("depot").values(depot(3)).execute());
      await expect(asleep).rejects.toMatchObject({ status: 503 });
      await awake;
      expect(await here.depotIds()).toEqual([3]);
    });

    it("that find no free connection in time say so", async () => {
      const narrow = await here.openAgain({ acquireTimeoutMs: 1_000, connections: 1 });
      const end = gate();
      const holding = narrow.transaction(async (tx) => {
        await tx.insertInto("depot").values(depot(1)).execute();
        await end.reached;
      });
      await expect(narrow.transaction(async () => {})).rejects.toBeInstanceOf(DatabaseUnavailable);
      end.open();
      await holding;
      await narrow.transaction((tx) => tx.insertInto("depot").values(depot(2)).execute());
      expect(await here.depotIds()).toEqual([1, 2]);
    });
  });

  describe("the version", () => {
    it("changes with each commit on SQLite, before its owner hears of it, and with nothing else", async () => {
      const { database } = here;
      const seen = [database.version];
      const add = (id: number): Promise<unknown> =>
        database.transaction(async (tx) => {
          await tx.insertInto("depot").values(depot(id)).execute();
          database.onCommit(tx, () => seen.push(database.version));
          seen.push(database.version);
        });
      await add(1);
      await expect(add(1)).rejects.toBeInstanceOf(ConstraintError);
      await here.depotIds();
      seen.push(database.version);
      await add(2);
      const firstSeen = seen.map((version) => seen.indexOf(version));
      expect(firstSeen).toEqual(database.dialect === "sqlite" ? [0, 0, 2, 2, 2, 5] : [0, 0, 0, 0, 0, 0]);
    });
  });

  describe("onCommit", () => {
    it("is called once it is committed, in order, before the transaction resolves", async () => {
      const calls: string[] = [];
      await here.database
        .transaction(async (tx) => {
          here.database.onCommit(tx, () => calls.push("first"));
          await tx.insertInto("depot").values(depot(1)).execute();
          here.database.onCommit(tx, () => calls.push("second"));
          calls.push("work");
        })
        .then(() => calls.push("resolved"));
      expect(calls).toEqual(["work", "first", "second", "resolved"]);
    });

    it("finds the change in the database", async () => {
      let seen: Promise<number[]> = Promise.resolve([]);
      await here.database.transaction(async (tx) => {
        here.database.onCommit(tx, () => {
          seen = here.depotIds();
        });
        await tx.insertInto("depot").values(depot(1)).execute();
      });
      expect(await seen).toEqual([1]);
    });

    it("is never called after a rollback", async () => {
      const calls: string[] = [];
      await expect(
        here.database.transaction(async (tx) => {
          here.database.onCommit(tx, () => calls.push("called"));
          await tx.insertInto("depot").values(depot(1)).execute();
          await tx.insertInto("depot").values(depot(1)).execute();
        }),
      ).rejects.toBeInstanceOf(ConstraintError);
      expect(calls).toEqual([]);
    });

    it("that throws becomes a warning, and the commit stands", async () => {
      const warned = new Promise<Error>((resolve) => void process.once("warning", resolve));
      const calls: string[] = [];
      await here.database.transaction(async (tx) => {
        here.database.onCommit(tx, () => {
          throw new Error("listener broke");
        });
        here.database.onCommit(tx, () => calls.push("next"));
        await tx.insertInto("depot").values(depot(1)).execute();
      });
      expect((await warned).message).toBe("listener broke");
      expect(calls).toEqual(["next"]);
      expect(await here.depotIds()).toEqual([1]);
    });

    it("refuses a transaction that is over, or another database's", async () => {
      const other = await here.openAgain({});
      await here.database.transaction(async (tx) => {
        expect(() => other.onCommit(tx, () => {})).toThrow(DatabaseMisuse);
      });
      let kept: Parameters<typeof here.database.onCommit>[0] | undefined;
      await here.database.transaction(async (tx) => {
        kept = tx;
      });
      expect(() => here.database.onCommit(kept!, () => {})).toThrow(DatabaseMisuse);
    });
  });
}
