import { createHash } from "node:crypto";
import { StoreError } from "../errors/index.ts";
import type { Package } from "../packages/index.ts";

/** Where in the list of packages a page ended. */
export interface Place {
  readonly createdAt: number;
  readonly id: string;
}

function printOf(list: object): string {
  const fields = Object.entries(list).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return createHash("sha256").update(JSON.stringify(fields)).digest("base64url").slice(0, 16);
}

/**
 * Says after which package a list goes on, and of which list it is. It gives no rights: whoever makes one up only moves
 * in what they may see anyway. So it is checked and not signed.
 */
export function cursorOf(last: Pick<Package, "createdAt" | "id">, list: object): string {
  return Buffer.from(JSON.stringify([last.createdAt, last.id, printOf(list)])).toString("base64url");
}

/** @throws StoreError PACKAGE_INVALID when it is no cursor, or that of another list */
export function placeOf(cursor: string | undefined, list: object): Place | undefined {
  if (cursor === undefined) return undefined;
  const [createdAt, id, print] = read(cursor);
  if (
    typeof createdAt !== "number" ||
    !Number.isSafeInteger(createdAt) ||
    typeof id !== "string" ||
    !/^[0-9a-f-]{1,36}$/.test(id)
  ) {
    throw new StoreError("PACKAGE_INVALID", "cursor: not one of this store; leave it out to begin anew");
  }
  if (print !== printOf(list)) {
    throw new StoreError("PACKAGE_INVALID", "cursor: it belongs to another list; keep the query while you follow one");
  }
  return { createdAt, id };
}

function read(cursor: string): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, "base64url").toString());
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}
