import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFile, mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { UserError } from "@waybill/foundation/errors";
import { temporaryFolder } from "./temporary-folder.ts";

const run = promisify(execFile);
const cache = resolve(import.meta.dirname, "../../../node_modules/.cache/debian-packages");
const pinFile = resolve(import.meta.dirname, "debian-packages.json");

/** One Debian package, by the hash of its file: whatever a mirror sends, this or nothing gets into an image. */
export interface PinnedPackage {
  readonly name: string;
  readonly version: string;
  /** 64 hex digits, of the .deb file. */
  readonly sha256: string;
}

/** The packages of the base layer, of one release and architecture. */
export interface Pins {
  /** Debian's code name. */
  readonly release: string;
  /** Debian's word, which is Go's too for amd64 and arm64. */
  readonly architecture: string;
  /** RFC 3339: when the versions were chosen. It is the `created` of every image made of them. */
  readonly chosenAt: string;
  readonly packages: readonly PinnedPackage[];
}

/** What the base layer consists of: what a Node binary links to, time zones, names of protocols, certificates. */
const wanted = [
  "base-files",
  "ca-certificates",
  "gcc-12-base",
  "libc6",
  "libgcc-s1",
  "libstdc++6",
  "netbase",
  "tzdata",
] as const;

export async function readPins(): Promise<Pins> {
  return JSON.parse(await readFile(pinFile, "utf8")) as Pins;
}

/** The file of a package: from the cache, else through apt. Its hash is checked either way. */
export async function packageFile(pinned: PinnedPackage): Promise<string> {
  const path = join(cache, `${pinned.sha256}.deb`);
  if ((await hashOf(path)) === pinned.sha256) return path;
  await using folder = await temporaryFolder("waybill-packages-");
  const downloaded = await download(`${pinned.name}=${pinned.version}`, folder.path);
  const found = await hashOf(downloaded);
  if (found !== pinned.sha256) {
    throw new UserError(
      `the package ${pinned.name} ${pinned.version} has the hash ${found}, and not the pinned ${pinned.sha256}`,
      "The mirror has another file under this version. Do not use it; look at `apt-cache policy` and its source.",
    );
  }
  await mkdir(cache, { recursive: true });
  // Renamed when it is whole: another build may look at the same time.
  const unfinished = `${path}.${process.pid}`;
  await copyFile(downloaded, unfinished);
  await rename(unfinished, path);
  return path;
}

/** Chooses the newest version of each package that apt knows, and writes them down. */
export async function updatePins(now: Date): Promise<Pins> {
  const before = await readPins();
  const packages: PinnedPackage[] = [];
  await using folder = await temporaryFolder("waybill-packages-");
  for (const name of wanted) {
    const path = await download(name, folder.path);
    const { stdout } = await run("dpkg-deb", ["--field", path, "Version"]);
    packages.push({ name, version: stdout.trim(), sha256: (await hashOf(path)) ?? "" });
  }
  const same = JSON.stringify(packages) === JSON.stringify(before.packages);
  const pins = same ? before : { ...before, chosenAt: `${now.toISOString().slice(0, 10)}T00:00:00Z`, packages };
  await writeFile(pinFile, `${JSON.stringify(pins, undefined, 2)}\n`);
  return pins;
}

/** Has apt put one .deb into the folder. Lists of our own are fetched when the machine's do not have the package. */
async function download(what: string, folder: string): Promise<string> {
  const before = new Set(await readdir(folder));
  try {
    await run("apt-get", ["download", "--quiet", what], { cwd: folder }).catch(async () => {
      const own = await ownLists();
      await run("apt-get", ["update", "--quiet", ...own]);
      await run("apt-get", ["download", "--quiet", ...own, what], { cwd: folder });
    });
  } catch (error) {
    const said = (error as { readonly stderr?: string }).stderr?.trim().split("\n").at(-1) ?? String(error);
    throw new UserError(
      `apt-get could not download ${what}: ${said}`,
      "Images are made on Debian 12 (bookworm). If Debian has a newer version meanwhile, run " +
        "`node deploy/images/src/main.ts update-packages`, look at the difference and commit it.",
    );
  }
  const name = (await readdir(folder)).find((file) => !before.has(file) && file.endsWith(".deb"));
  if (name === undefined) throw new Error(`apt-get downloaded no file for ${what}`);
  return join(folder, name);
}

/** Options by which apt keeps its lists in our cache: no root rights needed, and nothing of the machine is changed. */
async function ownLists(): Promise<readonly string[]> {
  const lists = join(cache, "apt-lists");
  const archives = join(cache, "apt-archives");
  for (const folder of [lists, archives]) await mkdir(join(folder, "partial"), { recursive: true });
  return ["-o", `Dir::State::lists=${lists}`, "-o", `Dir::Cache=${archives}`, "-o", "Debug::NoLocking=true"];
}

/** SHA-256 of a file as hex digits; undefined when there is none. */
async function hashOf(path: string): Promise<string | undefined> {
  try {
    return createHash("sha256")
      .update(await readFile(path))
      .digest("hex");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
