import { createHash } from "node:crypto";
import { z } from "zod";
import { tenantName, clusterName } from "../../contract/index.ts";
import { problemOf } from "../problems.ts";

/**
 * A cursor says after which name a list goes on, and of which list it is. It gives no rights: whoever makes one up
 * only moves in what they may read anyway. So it is checked and not signed.
 */
const cursorSchema = z.strictObject({ after: z.union([clusterName, tenantName]), list: z.string().length(16) });

/** @param list what makes this list: where, and selected by what. */
function fingerprintOf(list: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(list)).digest("base64url").slice(0, 16);
}

export function encodeCursor(after: string, list: readonly string[]): string {
  return Buffer.from(JSON.stringify({ after, list: fingerprintOf(list) })).toString("base64url");
}

function parse(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, "base64url").toString("utf8"));
  } catch {
    return undefined;
  }
}

/**
 * @returns the name after which the list goes on; undefined for its beginning.
 * @throws Problem 400 when the cursor is not one of ours, or is of another list.
 */
export function decodeCursor(cursor: string | undefined, list: readonly string[]): string | undefined {
  if (cursor === undefined) return undefined;
  const parsed = cursorSchema.safeParse(parse(cursor));
  if (!parsed.success) {
    throw problemOf(
      400,
      "cursor: not one of this server. Leave it out to begin anew, or pass the X-Next-Cursor of a page.",
    );
  }
  if (parsed.data.list !== fingerprintOf(list)) {
    throw problemOf(400, "cursor: it belongs to another list. Keep path and labelSelector while you follow a list.");
  }
  return parsed.data.after;
}
