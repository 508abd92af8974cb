import { readdir, readFile, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { planAddresses } from "./addresses.ts";
import { command } from "./command.ts";
import { markVariable } from "./daemon.ts";
import { deadIdentities, type Identity, identityFor } from "./identity.ts";

const limitMs = 60_000;

/**
 * Takes away what carries a cluster's id: processes, control groups, links, mounts, its folder. Does not need to know
 * how far the cluster came, and may run twice, or beside another one. Throws when something stays.
 */
export async function cleanUp(identity: Identity): Promise<void> {
  const plan = planAddresses(identity.id);
  await again("its processes", async () => {
    const pids = await processesOf(identity.id);
    for (const pid of pids) kill(pid);
    return pids.length === 0;
  });
  await again("its control groups", () => removeControlGroups(plan.controlGroup));
  // The nodes' ends of the cables went with their namespaces, which the kernel takes apart a moment later.
  await again("its network links", async () => {
    const links = await linksOf(identity.id);
    for (const link of links) await command("ip", ["link", "delete", link]).catch(() => undefined);
    return links.length === 0;
  });
  await again("its mounts", async () => {
    const mounts = await mountsOf(identity);
    // The deepest first; one that is still busy is taken out of sight, and ends when its last user does.
    for (const mount of mounts.reverse()) {
      await command("umount", [mount]).catch(() => command("umount", ["--lazy", mount]).catch(() => undefined));
    }
    return mounts.length === 0;
  });
  await rm(identity.folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
}

/** Cleans up after test runs that were killed together with their keeper; says which. */
export async function cleanUpDead(say: (line: string) => void): Promise<void> {
  for (const identity of await deadIdentities()) {
    say(`cleaning up after cluster ${identity.id}, whose test is gone`);
    await cleanUp(identity);
  }
}

/** Processes outside pods that carry the id. Those inside die with process 1 of their node. */
export async function processesOf(id: string): Promise<number[]> {
  const mark = `${markVariable}=${id}`;
  const found: number[] = [];
  for (const entry of await readdir("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    // Unreadable: another user's, or gone. Empty: dead already.
    const environment = await readFile(`/proc/${entry}/environ`, "utf8").catch(() => "");
    if (environment.split("\0").includes(mark)) found.push(Number(entry));
  }
  return found;
}

export async function linksOf(id: string): Promise<string[]> {
  const { bridge } = planAddresses(identityFor(id).id);
  const names = await readdir("/sys/class/net").catch((): string[] => []);
  return names.filter((name) => name === bridge || name.startsWith(`${bridge}n`));
}

export async function mountsOf(identity: Identity): Promise<string[]> {
  const table = await readFile("/proc/self/mounts", "utf8");
  const targets = table.split("\n").map((line) => line.split(" ")[1] ?? "");
  return targets.filter((target) => target === identity.state || target.startsWith(`${identity.state}/`));
}

/** Both layouts: one hierarchy for each controller (cgroup v1), or one for all of them (v2). */
export async function controlGroupFolders(controlGroup: string): Promise<string[]> {
  const root = "/sys/fs/cgroup";
  const hierarchies = (await readdir(root, { withFileTypes: true }).catch(() => []))
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(root, entry.name));
  const candidates = [root, ...hierarchies].map((hierarchy) => join(hierarchy, controlGroup));
  const found: string[] = [];
  for (const candidate of candidates) {
    if ((await readdir(candidate).catch(() => undefined)) !== undefined) found.push(candidate);
  }
  return found;
}

/** True when none is left. A group whose last process is just dying refuses once or twice. */
export async function removeControlGroups(controlGroup: string): Promise<boolean> {
  for (const folder of await controlGroupFolders(controlGroup)) await removeTree(folder);
  return (await controlGroupFolders(controlGroup)).length === 0;
}

/** Files of a control group cannot be unlinked and go with their folder: `rm -r` would fail. */
async function removeTree(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) if (entry.isDirectory()) await removeTree(join(folder, entry.name));
  await rmdir(folder).catch(() => undefined);
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

async function again(what: string, attempt: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!(await attempt())) {
    if (performance.now() > deadline) throw new Error(`could not remove all of a test cluster: ${what} stay`);
    await sleep(50);
  }
}
