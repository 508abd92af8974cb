import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { dirname } from "node:path/posix";
import { tarEnd, tarHeader, tarPadding } from "./tar.ts";

/** Owner and mode of an entry; root's, and the usual mode of its kind, when absent. */
interface Attributes {
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

/** Something in an image's file system. A file has its bytes here, or is read from `source` when its turn comes. */
export type ArchiveEntry = Attributes &
  (
    | { readonly kind: "directory" }
    | { readonly kind: "file"; readonly content: Uint8Array }
    | { readonly kind: "file"; readonly source: string }
    | { readonly kind: "symlink" | "hardlink"; readonly target: string }
  );

/**
 * A tar archive of these entries, keyed by path (relative, no slash at either end). The same entries are the same bytes:
 * sorted by path, without times and names of this machine. Folders that nobody named are root's, with mode 0755.
 */
export async function* archiveOf(entries: ReadonlyMap<string, ArchiveEntry>): AsyncGenerator<Buffer> {
  const all = new Map(entries);
  for (const path of entries.keys()) {
    for (let folder = dirname(path); folder !== "."; folder = dirname(folder)) {
      if (!all.has(folder)) all.set(folder, { kind: "directory" });
    }
  }
  // By code units, which is the same in every locale. A hard link must come after what it points to.
  const inOrder = [...all].toSorted(
    ([a, first], [b, second]) =>
      Number(first.kind === "hardlink") - Number(second.kind === "hardlink") || (a < b ? -1 : a > b ? 1 : 0),
  );
  for (const [path, entry] of inOrder) yield* piece(path, entry);
  yield tarEnd();
}

async function* piece(path: string, entry: ArchiveEntry): AsyncGenerator<Buffer> {
  const { kind, mode, uid, gid } = entry;
  const attributes = {
    ...(mode === undefined ? {} : { mode }),
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
  };
  if (kind === "directory") {
    yield tarHeader({ path: `${path}/`, kind, sizeBytes: 0, ...attributes });
    return;
  }
  if (kind !== "file") {
    yield tarHeader({ path, kind, sizeBytes: 0, target: entry.target, ...attributes });
    return;
  }
  const sizeBytes = "content" in entry ? entry.content.byteLength : (await stat(entry.source)).size;
  yield tarHeader({ path, kind, sizeBytes, ...attributes });
  if ("content" in entry) yield Buffer.from(entry.content);
  else {
    let read = 0;
    for await (const chunk of createReadStream(entry.source, { highWaterMark: 1024 * 1024 }) as AsyncIterable<Buffer>) {
      read += chunk.byteLength;
      yield chunk;
    }
    if (read !== sizeBytes) throw new Error(`${entry.source} changed while it was read`);
  }
  yield tarPadding(sizeBytes);
}
