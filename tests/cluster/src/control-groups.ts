import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

const root = "/sys/fs/cgroup";
/** cgroup v2: what a kubelet asks of its root. */
const needed = ["cpuset", "cpu", "io", "memory", "pids"];

/**
 * Makes a node's control group, below which its kubelet makes those of its pods: in each hierarchy of cgroup v1, or
 * below the one root of v2.
 */
export async function makeControlGroup(controlGroup: string): Promise<void> {
  const unified = await readFile(join(root, "cgroup.controllers"), "utf8").catch(() => undefined);
  if (unified === undefined) await makeInEachHierarchy(controlGroup);
  else await makeUnified(controlGroup, unified.trim().split(" "));
}

async function makeInEachHierarchy(controlGroup: string): Promise<void> {
  for (const entry of await readdir(root, { withFileTypes: true })) {
    // `unified` is a v2 tree without controllers beside v1; a link is another name of a hierarchy (cpu → cpu,cpuacct).
    if (!entry.isDirectory() || entry.name === "unified") continue;
    let folder = join(root, entry.name);
    for (const part of controlGroup.split("/")) {
      const parent = folder;
      folder = join(folder, part);
      await mkdir(folder, { recursive: true });
      if (!entry.name.split(",").includes("cpuset")) continue;
      // A new group of cpuset has no processor and no memory, and takes no process before it is given some.
      for (const file of ["cpuset.cpus", "cpuset.mems"])
        await writeFile(join(folder, file), await readFile(join(parent, file), "utf8"));
    }
  }
}

async function makeUnified(controlGroup: string, available: readonly string[]): Promise<void> {
  const lacking = needed.filter((name) => !available.includes(name));
  if (lacking.length > 0)
    throw new Error(
      `the control groups of this machine lack ${lacking.join(", ")}: in a container, start it with --cgroupns=host or all controllers delegated`,
    );
  let folder = root;
  for (const part of controlGroup.split("/")) {
    // A group hands down only what its parent hands down to it.
    await writeFile(join(folder, "cgroup.subtree_control"), needed.map((name) => `+${name}`).join(" "));
    folder = join(folder, part);
    await mkdir(folder, { recursive: true });
  }
  await writeFile(join(folder, "cgroup.subtree_control"), needed.map((name) => `+${name}`).join(" "));
}
