import type { Catalog } from "./schema.ts";

/** A place of this store's bytes, as the catalog remembers it. */
export interface PlaceRow {
  readonly id: string;
  /** For people. */
  readonly address: string;
}

/** Where new bytes go, and the place that is being left; each undefined when there is none. */
export interface PlaceRows {
  readonly current: PlaceRow | undefined;
  readonly leaving: PlaceRow | undefined;
}

export async function placesOf(catalog: Catalog): Promise<PlaceRows> {
  const rows = await catalog.selectFrom("store_places").selectAll().execute();
  const of = (role: "current" | "leaving"): PlaceRow | undefined => rows.find((row) => row.role === role);
  return { current: of("current"), leaving: of("leaving") };
}

/** All rows anew; run it in a transaction. */
export async function recordPlaces(tx: Catalog, places: PlaceRows): Promise<void> {
  await tx.deleteFrom("store_places").execute();
  for (const role of ["current", "leaving"] as const) {
    const place = places[role];
    if (place !== undefined)
      await tx
        .insertInto("store_places")
        .values({ role, ...place })
        .execute();
  }
}
