import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { planAddresses } from "../addresses.ts";
import { controlGroupFolders, linksOf, mountsOf, processesOf } from "../clean-up.ts";
import { identityFor } from "../identity.ts";

/** Everything on this machine that belongs to a cluster: nothing before it starts, nothing after it stops. */
export async function leftovers(
  id: string,
): Promise<
  Readonly<Record<"processes" | "controlGroups" | "links" | "mounts" | "folders", readonly (string | number)[]>>
> {
  const identity = identityFor(id);
  const { controlGroup } = planAddresses(id);
  return {
    processes: await processesOf(id),
    controlGroups: await controlGroupFolders(controlGroup),
    links: await linksOf(id),
    mounts: await mountsOf(identity),
    folders: existsSync(identity.folder) ? [identity.folder] : [],
  };
}

/** Ids of the clusters that a process, this one unless said otherwise, has started and that have not gone. */
export async function ownClusters(pid: number = process.pid): Promise<string[]> {
  const ids: string[] = [];
  for (const name of await readdir(tmpdir())) {
    const id = /^waybill-cluster-([0-9a-f]{8})$/.exec(name)?.[1];
    if (id === undefined) continue;
    const text = await readFile(join(identityFor(id).folder, "cluster.json"), "utf8").catch(() => "{}");
    const file = JSON.parse(text) as { readonly owner?: { readonly pid: number } };
    if (file.owner?.pid === pid) ids.push(id);
  }
  return ids;
}

export const nothing = { processes: [], controlGroups: [], links: [], mounts: [], folders: [] };
