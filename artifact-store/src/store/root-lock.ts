import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { UserError } from "@waybill/foundation/errors";

const sqliteBusy = 5;

/**
 * Keeps a second process out of a store's folder. An upload's file stays open between requests, and becomes a blob by a
 * rename: another process could still be appending to it then. The lock is SQLite's exclusive one on a file of its own,
 * which is the operating system's and so ends with the process, however that ends.
 *
 * @returns what lets the next one in
 * @throws UserError when somebody has it
 */
export function lockRoot(root: string): () => void {
  const lock = new DatabaseSync(join(root, "store.lock"), { timeout: 0 });
  try {
    lock.exec("pragma journal_mode = memory; begin exclusive");
  } catch (error) {
    lock.close();
    if (!(error instanceof Error && "errcode" in error && error.errcode === sqliteBusy)) throw error;
    throw new UserError(
      `the store in ${root} is in use by another process`,
      "End that one first, talk to it over HTTP, or choose another folder.",
      { cause: error },
    );
  }
  return () => lock.close();
}
