import type { Catalog } from "./schema.ts";

export interface LeaseRow {
  /** Empty: given back. */
  readonly holder: string;
  readonly term: number;
  readonly beat: number;
}

export async function readLease(catalog: Catalog): Promise<LeaseRow | undefined> {
  return await catalog.selectFrom("store_lease").select(["holder", "term", "beat"]).executeTakeFirst();
}

/** Takes the lease if it is still as it was `seen`; of several who try, one does. For the writer. Answers its term. */
export async function takeLease(
  catalog: Catalog,
  holder: string,
  seen: LeaseRow | undefined,
): Promise<number | undefined> {
  if (seen === undefined) {
    const made = await catalog
      .insertInto("store_lease")
      .values({ id: 1, holder, term: 1, beat: 0 })
      .onConflict((conflict) => conflict.doNothing())
      .returning("term")
      .executeTakeFirst();
    return made?.term;
  }
  const taken = await catalog
    .updateTable("store_lease")
    .set({ holder, term: seen.term + 1, beat: seen.beat + 1 })
    .where("term", "=", seen.term)
    .where("beat", "=", seen.beat)
    .returning("term")
    .executeTakeFirst();
  return taken?.term;
}

/** Shows that the holder of this term is there; false when another one has the lease. */
export async function beatLease(catalog: Catalog, term: number): Promise<boolean> {
  const beaten = await catalog
    .updateTable("store_lease")
    .set((is) => ({ beat: is("beat", "+", 1) }))
    .where("term", "=", term)
    .returning("term")
    .executeTakeFirst();
  return beaten !== undefined;
}

export async function giveLeaseBack(catalog: Catalog, term: number): Promise<void> {
  await catalog.updateTable("store_lease").set({ holder: "" }).where("term", "=", term).execute();
}

/** Whether the lease is still of this term; asked by the writer, it stays so until the transaction ends (`becomeWriter`). */
export async function holdsLease(tx: Catalog, term: number): Promise<boolean> {
  const row = await tx.selectFrom("store_lease").select("term").where("term", "=", term).executeTakeFirst();
  return row !== undefined;
}
