import { stat } from "node:fs/promises";
import { join } from "node:path";
import { openStore, storeMigrations, type Store } from "@waybill/artifact-store";
import { openDatabase } from "@waybill/foundation/database";
import { UserError } from "@waybill/foundation/errors";
import { eventLogMigrations } from "@waybill/foundation/eventlog";
import { managerMigrations } from "@waybill/kubenova/manager";
import { openDataFolder } from "./data-folder.ts";

/**
 * The store of a data folder, for a command that works on it while no server does; with the catalog that the folder was
 * made with (`waybill up` keeps it with everything else, or in `databaseUrl`; `waybill store serve` beside the blobs).
 * Nothing runs in its background.
 * @throws BusyError when a server holds the folder; UserError when there is no store in it
 */
export async function openStoreOf(
  root: string,
  databaseUrl: string | undefined,
): Promise<{ readonly store: Store; close(): Promise<void> }> {
  if (!(await exists(root))) throw noStore(root);
  await using stack = new AsyncDisposableStack();
  const folder = await openDataFolder(root);
  stack.defer(() => folder.close());
  const beside = join(folder.storePath, "catalog.sqlite");
  const url = databaseUrl ?? ((await exists(beside)) ? beside : folder.databasePath);
  if (databaseUrl === undefined && !(await exists(url))) throw noStore(root);
  const migrations = [eventLogMigrations, storeMigrations, ...(url === beside ? [] : [managerMigrations])];
  const database = await openDatabase({ url, migrations });
  stack.defer(() => database.close());
  const store = await openStore({ root: folder.storePath, database, limits: { collectEveryMs: 0 } });
  stack.defer(() => store.close());
  const everything = stack.move();
  return { store, close: () => everything.disposeAsync() };
}

function noStore(root: string): UserError {
  return new UserError(`there is no store in ${root}`, "Say with --root where it is.");
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
