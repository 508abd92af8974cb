import { closeSync, openSync, readSync } from "node:fs";

/** No key, token or database address is longer. */
const largestBytes = 64 * 1024;

/**
 * The secret in a file, without the line end that editors and `kubectl create secret` leave.
 * @throws Error that says what is wrong with the file, and nothing of what is in it
 */
export function secretIn(path: string): string {
  const bytes = Buffer.alloc(largestBytes + 1);
  let length: number;
  try {
    const file = openSync(path, "r");
    try {
      length = readSync(file, bytes);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw new Error(`cannot be read: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  if (length > largestBytes)
    throw new Error(`names a file of more than ${largestBytes / 1024} KiB, which is no secret`);
  const text = bytes.toString("utf8", 0, length).replace(/\r?\n$/, "");
  if (text === "") throw new Error("names a file with nothing in it");
  return text;
}
