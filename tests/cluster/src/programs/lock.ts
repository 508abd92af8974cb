import { readFile, rm, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { identityOf, isAlive, type ProcessIdentity } from "../process-identity.ts";

/**
 * Holds a file for as long as `work` runs, so that two builds of the same thing do not run side by side; a holder that
 * died is no holder. `onWait` is told once who is waited for.
 */
export async function withLock<T>(file: string, onWait: (pid: number) => void, work: () => Promise<T>): Promise<T> {
  const own = JSON.stringify(await identityOf(process.pid));
  let told = false;
  while (!(await create(file, own))) {
    const holder = await readFile(file, "utf8").then(
      (text) => JSON.parse(text) as ProcessIdentity,
      () => undefined,
    );
    // Unreadable: it was given back just now, or is being written. It is looked at again.
    if (holder !== undefined && !(await isAlive(holder))) await rm(file, { force: true });
    if (holder !== undefined && !told) onWait(holder.pid);
    told = true;
    await sleep(500);
  }
  try {
    return await work();
  } finally {
    await rm(file, { force: true });
  }
}

async function create(file: string, content: string): Promise<boolean> {
  try {
    await writeFile(file, content, { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}
