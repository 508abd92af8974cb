import { randomUUID } from "node:crypto";
import type { Database } from "@waybill/foundation/database";
import { UserError } from "@waybill/foundation/errors";
import type { BlobBackend } from "../blobs/index.ts";
import {
  identityOf,
  nameCatalog,
  namesBlobs,
  placesOf,
  recordPlaces,
  type PlaceRow,
  type PlaceRows,
  type StoreTables,
} from "../catalog/index.ts";

/** What a place keeps about itself: `<name of the store> <name of the place>`; the second is missing in old folders. */
interface Identity {
  readonly text: string | undefined;
  readonly store: string | undefined;
  readonly place: string | undefined;
}

/**
 * Makes sure that the catalog belongs to the place of its blobs, and to the place that they are being moved from: a
 * collection with the wrong catalog would find every byte there named by nobody. Store and place get names when they first
 * meet; from then on neither is opened with another.
 *
 * With `from` given, `to` becomes the place of new bytes, and `from` one that is being left until `leftPlace`.
 * @returns whether there is still something to move from `from`
 * @throws UserError
 */
export async function matchPlaces(
  database: Database<StoreTables>,
  to: BlobBackend,
  from: BlobBackend | undefined,
): Promise<{ readonly isMoving: boolean }> {
  const [catalog, rows] = [await identityOf(database.read), await placesOf(database.read)];
  if (from !== undefined) return await matchMove(database, catalog, rows, to, from);
  const found = await identityIn(to);
  await checkStore(database, catalog, to, found, rows.current);
  if (rows.leaving !== undefined && (found.place === rows.current?.id || found.place === rows.leaving.id)) {
    throw new UserError(
      `the blobs of this store are being moved from ${rows.leaving.address} to ${rows.current?.address ?? ""}`,
      "Say both until that has ended: the new place with --blobs, the old one with --blobs-from.",
    );
  }
  if (rows.current !== undefined && found.place !== undefined && found.place !== rows.current.id) {
    throw new UserError(
      `the blobs of this store were moved to ${rows.current.address}; ${to.place} has old ones only`,
      "Open the store with --blobs and that address. To move them back, use waybill store migrate.",
    );
  }
  await adopt(database, catalog, to, found, (place) => ({ current: place, leaving: undefined }), rows.current?.id);
  return { isMoving: false };
}

/** Ends a move: nothing is in the old place any more that is not in the new one. */
export async function leftPlace(database: Database<StoreTables>): Promise<void> {
  await database.transaction(async (tx) => {
    const { current } = await placesOf(tx);
    await recordPlaces(tx, { current, leaving: undefined });
  });
}

async function matchMove(
  database: Database<StoreTables>,
  catalog: string | undefined,
  { current, leaving }: PlaceRows,
  to: BlobBackend,
  from: BlobBackend,
): Promise<{ readonly isMoving: boolean }> {
  const [target, source] = [await identityIn(to), await identityIn(from)];
  const isOurs = catalog !== undefined && source.store === catalog;
  if (!isOurs) {
    throw new UserError(
      `${from.place} is not where this store has its blobs`,
      "Correct --blobs-from, or leave it out.",
    );
  }
  if (target.store === undefined ? !(await to.isEmpty()) : target.store !== catalog) {
    throw new UserError(`${to.place} belongs to another store`, "Move to an empty folder, or to a prefix of its own.");
  }
  if (target.place !== undefined && target.place === source.place) {
    throw new UserError(`${to.place} and ${from.place} are the same place`, "There is nothing to move.");
  }
  // Begun before, and gone on with or ended.
  if (current !== undefined && current.id === target.place) {
    if (leaving !== undefined && leaving.id !== source.place) {
      throw new UserError(
        `the blobs of this store are being moved from ${leaving.address}, not from ${from.place}`,
        "Say that one with --blobs-from until the move has ended.",
      );
    }
    return { isMoving: leaving !== undefined };
  }
  if (current !== undefined && current.id !== source.place) {
    throw new UserError(
      `the blobs of this store are in ${current.address}, not in ${from.place}`,
      "Move them from there.",
    );
  }
  if (leaving !== undefined && leaving.id !== target.place) {
    throw new UserError(
      `the blobs of this store are still being moved from ${leaving.address} to ${current?.address ?? ""}`,
      "Let that move end first, or move back to where they came from.",
    );
  }
  const old: PlaceRow = { id: source.place ?? randomUUID(), address: from.place };
  if (source.place === undefined) await from.identify(`${catalog} ${old.id}`, source.text);
  await adopt(database, catalog, to, target, (place) => ({ current: place, leaving: old }));
  return { isMoving: true };
}

/** Names what has no name yet. The place first: a crash in between leaves one that the same catalog names again. */
async function adopt(
  database: Database<StoreTables>,
  catalog: string | undefined,
  backend: BlobBackend,
  found: Identity,
  rowsOf: (place: PlaceRow) => PlaceRows,
  known?: string,
): Promise<void> {
  const store = catalog ?? found.store ?? randomUUID();
  const place: PlaceRow = { id: found.place ?? known ?? randomUUID(), address: backend.place };
  const text = `${store} ${place.id}`;
  if (found.text !== text) await backend.identify(text, found.text);
  const rows = rowsOf(place);
  const before = await placesOf(database.read);
  if (catalog !== undefined && same(before.current, rows.current) && same(before.leaving, rows.leaving)) return;
  await database.transaction(async (tx) => {
    if (catalog === undefined) await nameCatalog(tx, store);
    await recordPlaces(tx, rows);
  });
}

async function checkStore(
  database: Database<StoreTables>,
  catalog: string | undefined,
  backend: BlobBackend,
  found: Identity,
  current: PlaceRow | undefined,
): Promise<void> {
  if (found.store !== undefined && found.store === catalog) return;
  if (catalog !== undefined || (found.store !== undefined && (backend.shared || !(await backend.isEmpty())))) {
    throw new UserError(
      `${backend.place} and this catalog do not belong together`,
      current === undefined
        ? "Open it with the catalog it was made with (by default catalog.sqlite in the store's folder). Where there are no " +
            "blobs, removing store.id there frees the place."
        : `The blobs of this catalog are in ${current.address}: say so with --blobs. If they do belong together, write ` +
            `${catalog ?? ""} into store.id there.`,
    );
  }
  if (found.store === undefined && !(await namesBlobs(database.read)) && !(await backend.isEmpty())) {
    throw new UserError(
      `${backend.place} has blobs, and this catalog is empty`,
      "Open it with the catalog it was made with: with this one, all of them would count as left over.",
    );
  }
}

async function identityIn(backend: BlobBackend): Promise<Identity> {
  const text = await backend.identity();
  const [store, place] = text?.split(/\s+/) ?? [];
  return { text, store: store === "" ? undefined : store, place };
}

function same(a: PlaceRow | undefined, b: PlaceRow | undefined): boolean {
  return a?.id === b?.id && a?.address === b?.address;
}
