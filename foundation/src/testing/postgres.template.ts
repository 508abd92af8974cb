import { randomBytes } from "node:crypto";
import { chmod, cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { type Account, run } from "./postgres.account.ts";
import type { Binaries } from "./postgres.binaries.ts";

/** A data folder ready to be started, and the administrator's password in it. */
export interface DataFolder {
  /** Holds `data` and `password`; owned by the account. */
  readonly folder: string;
  readonly data: string;
  readonly password: string;
}

const cacheFolder = fileURLToPath(new URL("../../../node_modules/.cache/waybill-postgres/", import.meta.url));

/**
 * A fresh data folder. Making one takes seconds (`initdb`), so the first run keeps a copy under node_modules/.cache, one
 * for each version and user; where that cannot be written, each run makes its own.
 */
export async function freshDataFolder(binaries: Binaries, account: Account): Promise<DataFolder> {
  const kept = path.join(cacheFolder, `${binaries.version}-${process.getuid?.() ?? 0}`);
  const folder = await mkdtemp(path.join(tmpdir(), "waybill-postgres-"));
  try {
    const copied = await cp(kept, folder, { recursive: true, force: true }).then(
      () => true,
      () => false,
    );
    if (!copied) {
      await initialise(folder, binaries, account);
      await keep(folder, kept).catch(() => {});
    }
    const data = path.join(folder, "data");
    await giveTo(account, folder);
    await chmod(data, 0o700);
    return { folder, data, password: (await readFile(path.join(folder, "password"), "utf8")).trim() };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

async function initialise(folder: string, binaries: Binaries, account: Account): Promise<void> {
  const passwordFile = path.join(folder, "password");
  await writeFile(passwordFile, `${randomBytes(18).toString("base64url")}\n`, { mode: 0o600 });
  await giveTo(account, folder);
  const args = ["--auth=scram-sha-256", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync"];
  await run(binaries.initdb, [...args, `--pgdata=${path.join(folder, "data")}`, `--pwfile=${passwordFile}`], account);
}

/** Whole or not at all: two runs may start at once, and either may be killed. */
async function keep(folder: string, kept: string): Promise<void> {
  await mkdir(cacheFolder, { recursive: true });
  const partial = await mkdtemp(path.join(cacheFolder, "partial-"));
  try {
    await cp(folder, partial, { recursive: true });
    await rename(partial, kept);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

async function giveTo(account: Account, folder: string): Promise<void> {
  if (account.uid !== undefined) await run("chown", ["-R", `${account.uid}:${account.gid}`, folder], {});
}
