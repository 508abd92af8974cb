import { randomInt } from "node:crypto";
import { link, open, rm, writeFile } from "node:fs/promises";
import { StoreError } from "@waybill/artifact-store";
import { UserError } from "@waybill/foundation/errors";

/** What a server takes, too. */
const largestBytes = 64 * 1024 * 1024;

/**
 * A JSON file that somebody wrote or saved.
 * @param read checks the document; what it throws as a `StoreError` is told with the file's name
 * @throws UserError
 */
export async function readDocument<T>(path: string, read: (document: unknown) => T): Promise<T> {
  const text = await textOf(path);
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw new UserError(`${path} is not JSON: ${String(error instanceof Error ? error.message : error)}`);
  }
  try {
    return read(document);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    throw new UserError(`${path}: ${error.message}`, undefined, { cause: error });
  }
}

async function textOf(path: string): Promise<string> {
  try {
    await using file = await open(path);
    const { size } = await file.stat();
    if (size > largestBytes) throw new UserError(`${path} has more than ${largestBytes} bytes`);
    return await file.readFile("utf8");
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/**
 * Writes a JSON file, whole or not at all, and never over another.
 * @throws UserError
 */
export async function saveDocument(path: string, document: object): Promise<void> {
  const text = `${JSON.stringify(document, undefined, 2)}\n`;
  const fresh = `${path}.${String(randomInt(1e12)).padStart(12, "0")}.partial`;
  try {
    await writeFile(fresh, text, { flag: "wx", flush: true });
    // Unlike a rename it fails where the name is taken, also by somebody who came in between.
    await link(fresh, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") {
      throw new UserError(`${path} is there already`, "Name another file, or remove this one.", { cause: error });
    }
    throw new UserError(`${path} cannot be written: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    await rm(fresh, { force: true });
  }
}
