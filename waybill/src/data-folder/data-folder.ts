import { randomBytes } from "node:crypto";
import { link, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { UserError } from "@waybill/foundation/errors";
import { BusyError } from "../errors/index.ts";

/**
 * Everything that one installation keeps on this machine. One process at a time:
 * ```
 * waybill.sqlite   catalog, tenants, events
 * blobs/           the bytes
 * signing.key      signs tokens; made when authentication is on and no JWT_SIGNING_KEY is given
 * secrets.key      seals secrets in the catalog; made for the first webhook
 * agent.token      what agents send; made when authentication is on and no PULLTRACE_AGENT_TOKEN is given
 * waybill.lock     held by the process that runs
 * waybill.pid      its number, for people
 * ```
 */
export interface DataFolder {
  /** Absolute. */
  readonly path: string;
  readonly databasePath: string;
  readonly storePath: string;
  /** Lets another process have it. */
  close(): Promise<void>;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * A lock that ends with the process, however it ends: SQLite's exclusive lock on a file of its own, which is the
 * operating system's record lock (works over a volume that two containers share, unlike a process number in a file).
 */
function lock(path: string): DatabaseSync | undefined {
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    database.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
    return database;
  } catch (error) {
    database.close();
    if (error instanceof Error && "errcode" in error && error.errcode === 5) return undefined;
    throw error;
  }
}

/**
 * Makes the folder where it is missing (readable by its owner only) and takes its lock.
 * @throws BusyError when another process holds it; UserError when it cannot be written.
 */
export async function openDataFolder(folder: string): Promise<DataFolder> {
  const path = resolve(folder);
  const pidPath = join(path, "waybill.pid");
  let held: DatabaseSync | undefined;
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    held = lock(join(path, "waybill.lock"));
    if (held !== undefined) await writeFile(pidPath, `${process.pid}\n`);
  } catch (error) {
    held?.close();
    throw new UserError(
      `the data folder ${path} cannot be used: ${reasonOf(error)}`,
      "Give the user that runs Waybill the right to write there, or choose another folder with --data DIR.",
      { cause: error },
    );
  }
  if (held === undefined) {
    const pid = await readFile(pidPath, "utf8").then(
      (text) => text.trim(),
      () => "",
    );
    throw new BusyError(
      `the data folder ${path} is in use by another Waybill${pid === "" ? "" : ` (process ${pid})`}`,
      "End that one first, or choose another folder with --data DIR.",
    );
  }
  const lockHandle = held;
  return {
    path,
    databasePath: join(path, "waybill.sqlite"),
    storePath: path,
    close: async () => {
      await rm(pidPath, { force: true });
      lockHandle.close();
    },
  };
}

/**
 * A random secret that this installation made for itself and keeps in its data folder, readable by its owner only.
 * Made once: two that ask at the same time get the same.
 * @returns 43 characters (256 bits, base64url).
 */
export async function ownSecret(folder: string, name: "signing.key" | "agent.token"): Promise<string> {
  const path = join(resolve(folder), name);
  const known = await readFile(path, "utf8").catch(() => undefined);
  if (known === undefined) {
    // Written beside and linked: nobody ever reads half of it, and of two that make one the first wins.
    const fresh = `${path}.${process.pid}.${randomBytes(4).toString("hex")}`;
    try {
      await mkdir(resolve(folder), { recursive: true, mode: 0o700 });
      await writeFile(fresh, `${randomBytes(32).toString("base64url")}\n`, { mode: 0o600, flag: "wx", flush: true });
      await link(fresh, path).catch((error: unknown) => {
        if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
      });
    } finally {
      await rm(fresh, { force: true });
    }
  }
  const secret = (await readFile(path, "utf8")).trim();
  if (secret.length < 32) {
    throw new UserError(
      `${path} holds no usable secret`,
      "It should be 32 characters or longer. Delete the file to have a new one made; tokens signed with the old one end.",
    );
  }
  return secret;
}
