import { stat } from "node:fs/promises";
import { join } from "node:path";
import { openStore, storeMigrations, type Store, type StoreOptions } from "@waybill/artifact-store";
import { openDatabase } from "@waybill/foundation/database";
import { UserError } from "@waybill/foundation/errors";
import { eventLogMigrations } from "@waybill/foundation/eventlog";
import { openDataFolder } from "../data-folder/index.ts";
import { BusyError } from "../errors/index.ts";

/**
 * The store of a data folder, for a command that works on it while no server does; with the catalog that the folder was
 * made with (`waybill up` keeps it with everything else, or in `databaseUrl`; `waybill store serve` beside the blobs).
 * Nothing runs in its background.
 * @param places where its blobs are, and the keys of its secrets, when not in the folder
 * @param make a store in an empty or absent folder, as `waybill store serve` would
 * @throws BusyError when a server holds the folder; UserError when there is no store in it
 */
export async function openStoreOf(
  root: string,
  databaseUrl: string | undefined,
  make = false,
  places: Pick<StoreOptions, "blobs" | "blobsFrom" | "secretKeys"> = {},
): Promise<{ readonly store: Store; close(): Promise<void> }> {
  if (!make && !(await exists(root))) throw noStore(root);
  await using stack = new AsyncDisposableStack();
  const folder = await openDataFolder(root).catch((error: unknown) => {
    throw error instanceof BusyError ? held(root, error) : error;
  });
  stack.defer(() => folder.close());
  const beside = join(folder.storePath, "catalog.sqlite");
  const together = !(await exists(beside)) && (await exists(folder.databasePath));
  const url = databaseUrl ?? (together ? folder.databasePath : beside);
  if (!make && databaseUrl === undefined && !(await exists(url))) throw noStore(root);
  const database = await openDatabase({ url, migrations: [eventLogMigrations, storeMigrations] });
  stack.defer(() => database.close());
  const store = await openStore({
    root: folder.storePath,
    database,
    ...places,
    // So that what `waybill store verify` finds is marked.
    verifyReads: true,
    limits: { collectEveryMs: 0 },
  }).catch((error: unknown) => {
    throw isLocked(error) ? held(root, error) : error;
  });
  stack.defer(() => store.close());
  const everything = stack.move();
  return { store, close: () => everything.disposeAsync() };
}

function noStore(root: string): UserError {
  return new UserError(
    `there is no store in ${root}`,
    "Say with --root where it is, or with --server which server has it.",
  );
}

function held(root: string, cause: unknown): BusyError {
  const message = cause instanceof Error ? cause.message : `the store in ${root} is in use`;
  return new BusyError(message, "Talk to the server that runs there with --server URL, or end it first.");
}

/** By a program that embeds the store, and so holds the store's own lock and not the folder's. */
function isLocked(error: unknown): boolean {
  const cause = error instanceof UserError ? error.cause : undefined;
  return cause instanceof Error && "errcode" in cause && cause.errcode === 5;
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
