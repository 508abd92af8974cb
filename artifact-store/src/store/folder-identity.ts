import { randomUUID } from "node:crypto";
import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Database } from "@waybill/foundation/database";
import { UserError } from "@waybill/foundation/errors";
import { shardCount, type BlobBackend } from "../blobs/index.ts";
import { identityOf, nameCatalog, namesBlobs, type StoreTables } from "../catalog/index.ts";

/**
 * Makes sure that folder and catalog belong together: a collection with the wrong catalog would find every byte of the
 * folder named by nobody. Both get one name when they first meet; from then on neither is opened with another.
 * @throws UserError
 */
export async function matchFolder(root: string, database: Database<StoreTables>, backend: BlobBackend): Promise<void> {
  const path = join(root, "store.id");
  const folder = await readFile(path, "utf8").then(
    (text) => text.trim(),
    () => undefined,
  );
  const catalog = await identityOf(database.read);
  if (folder !== undefined && folder === catalog) return;
  if (catalog !== undefined || (folder !== undefined && (await hasBlobs(backend)))) {
    throw new UserError(
      `the folder ${root} and this catalog do not belong together`,
      `Open it with the catalog it was made with (by default catalog.sqlite in it). If they do belong together, write ${
        catalog ?? "the catalog's name"
      } into ${path}.`,
    );
  }
  if (folder === undefined && !(await namesBlobs(database.read)) && (await hasBlobs(backend))) {
    throw new UserError(
      `the folder ${root} has blobs, and this catalog is empty`,
      "Open it with the catalog it was made with: with this one, all of them would count as left over.",
    );
  }
  const id = folder ?? randomUUID();
  // The folder first: a crash in between leaves a folder without blobs, or one that the same catalog names again.
  const file = await open(path, "w", 0o640);
  try {
    await file.writeFile(`${id}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await database.transaction((tx) => nameCatalog(tx, id));
}

async function hasBlobs(backend: BlobBackend): Promise<boolean> {
  for (let shard = 0; shard < shardCount; shard++) {
    for await (const blob of backend.blobs(shard)) return blob.size >= 0;
  }
  return false;
}
