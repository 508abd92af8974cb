import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { identityOf, isAlive, type ProcessIdentity } from "./process-identity.ts";

/**
 * What a cluster leaves on the machine for who has to clean up after it: a folder named by its id, with a file that
 * says whose it is. Everything else of it carries the id in its name, or in the environment of its processes.
 */
export interface Identity {
  readonly id: string;
  readonly folder: string;
  /** A file system in memory, mounted for a cluster; a plain folder for an API server alone. */
  readonly state: string;
}

interface IdentityFile {
  readonly version: 1;
  readonly id: string;
  /** The test's process. */
  readonly owner: ProcessIdentity;
}

const prefix = "waybill-cluster-";
const fileName = "cluster.json";

export function identityFor(id: string): Identity {
  if (!/^[0-9a-f]{8}$/.test(id)) throw new RangeError(`not the id of a cluster: ${id}`);
  const folder = join(tmpdir(), `${prefix}${id}`);
  return { id, folder, state: join(folder, "state") };
}

/** A new id, and its folder with its file: both appear at once, so that there is no folder of which nobody knows whose. */
export async function claimIdentity(): Promise<Identity> {
  const owner = await identityOf(process.pid);
  for (;;) {
    const identity = identityFor(randomBytes(4).toString("hex"));
    const prepared = await mkdtemp(join(tmpdir(), ".waybill-cluster-claim-"));
    const content: IdentityFile = { version: 1, id: identity.id, owner };
    await writeFile(join(prepared, fileName), JSON.stringify(content));
    await mkdir(join(prepared, "state"));
    try {
      await rename(prepared, identity.folder);
      return identity;
    } catch (error) {
      await rm(prepared, { recursive: true });
      const code = (error as NodeJS.ErrnoException).code;
      if (code !== "ENOTEMPTY" && code !== "EEXIST") throw error;
    }
  }
}

/** Clusters of this user whose test is gone. A folder without a file that can be read is nobody's, and left alone. */
export async function deadIdentities(): Promise<Identity[]> {
  const dead: Identity[] = [];
  for (const name of await readdir(tmpdir())) {
    const id = name.startsWith(prefix) ? name.slice(prefix.length) : "";
    if (!/^[0-9a-f]{8}$/.test(id)) continue;
    const identity = identityFor(id);
    try {
      if ((await stat(identity.folder)).uid !== process.getuid?.()) continue;
      const file = JSON.parse(await readFile(join(identity.folder, fileName), "utf8")) as Partial<IdentityFile>;
      if (file.version !== 1 || file.id !== id || file.owner === undefined) continue;
      if (!(await isAlive(file.owner))) dead.push(identity);
    } catch {
      // Went away while we looked, or is no cluster's.
    }
  }
  return dead;
}
