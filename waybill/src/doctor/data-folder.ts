import { access, constants, mkdtemp, rm, stat, statfs } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { humanBytes } from "../terminal/index.ts";
import type { Finding } from "./finding.ts";

const mebibyte = 1024 * 1024;
/** Magic numbers of statfs(2). */
const memoryFileSystems = new Set([0x01021994, 0x858458f6]);

/** The folder itself, or the nearest one above it that exists: there it would be made. */
async function existing(path: string): Promise<string> {
  const there = await stat(path).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
  return there || dirname(path) === path ? path : existing(dirname(path));
}

function failure(name: string, folder: string, error: unknown, flag = "--data"): Finding {
  return {
    name,
    status: "failed",
    detail: `${folder}: ${error instanceof Error ? error.message : String(error)}`,
    advice: `Choose a folder on a local disk that you may write to with ${flag} DIR.`,
  };
}

/** @param flag that names the folder */
export async function folderFinding(name: string, path: string, flag: string): Promise<Finding> {
  const place = await existing(path);
  try {
    await access(place, constants.W_OK | constants.X_OK);
    const system = await statfs(place);
    const free = system.bavail * system.bsize;
    const detail = `${path}, ${humanBytes(free)} free`;
    if (free < 100 * mebibyte) {
      return { name, status: "failed", detail, advice: `Free some space, or choose another disk with ${flag} DIR.` };
    }
    if (memoryFileSystems.has(system.type)) {
      return {
        name,
        status: "warning",
        detail: `${detail}; it is kept in memory and is lost when the machine stops`,
        advice: `Choose a folder on a disk with ${flag} DIR.`,
      };
    }
    if (free < 2048 * mebibyte) {
      return { name, status: "warning", detail, advice: "Images are large: free some space, or use another disk." };
    }
    return { name, status: "ok", detail };
  } catch (error) {
    return failure(name, path, error, flag);
  }
}

/** Does what the catalog does: a write-ahead log, and a commit that is on the disk when it returns. */
async function databaseFinding(place: string): Promise<Finding> {
  const name = "SQLite";
  const commits = 20;
  let folder: string | undefined;
  try {
    folder = await mkdtemp(join(place, ".waybill-doctor-"));
    const database = new DatabaseSync(join(folder, "probe.sqlite"));
    try {
      const mode = database.prepare("PRAGMA journal_mode = WAL").get()?.["journal_mode"];
      if (mode !== "wal") throw new Error(`the file system allows no write-ahead log (it gave "${String(mode)}")`);
      database.exec("PRAGMA synchronous = FULL; CREATE TABLE probe (value INTEGER)");
      const insert = database.prepare("INSERT INTO probe VALUES (?)");
      const started = performance.now();
      for (let value = 0; value < commits; value += 1) insert.run(value);
      const each = (performance.now() - started) / commits;
      const detail = `durable commits take ${each.toFixed(each < 10 ? 2 : 0)} ms each`;
      return each > 50
        ? { name, status: "warning", detail, advice: "Pushes will be slow: use a disk with a faster flush." }
        : { name, status: "ok", detail };
    } finally {
      database.close();
    }
  } catch (error) {
    return failure(name, place, error);
  } finally {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }
}

/** Place to write and durability of what is written there. */
export async function dataFolderFindings(folder: string): Promise<readonly Finding[]> {
  const path = resolve(folder);
  const written = await folderFinding("data folder", path, "--data");
  return written.status === "failed" ? [written] : [written, await databaseFinding(await existing(path))];
}
