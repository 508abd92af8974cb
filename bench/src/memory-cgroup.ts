import { mkdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** A memory cgroup of its own for one process: what Kubernetes would count and limit for its container. */
export interface MemoryCgroup extends AsyncDisposable {
  add(pid: number): Promise<void>;
  /** Usage without the page cache that can go at once: what kubelet calls the working set. In MiB. */
  workingSetMiB(): Promise<number>;
}

const mebibyte = 1024 * 1024;

/** Undefined where none can be made (no root, no memory controller). */
export async function createMemoryCgroup(name: string): Promise<MemoryCgroup | undefined> {
  const version1 = existsSync("/sys/fs/cgroup/memory/cgroup.procs");
  const folder = join(version1 ? "/sys/fs/cgroup/memory" : "/sys/fs/cgroup", name);
  const usage = version1 ? "memory.usage_in_bytes" : "memory.current";
  const inactive = version1 ? "total_inactive_file" : "inactive_file";
  try {
    await mkdir(folder);
    await readFile(join(folder, usage));
  } catch {
    return undefined;
  }
  return {
    add: (pid) => writeFile(join(folder, "cgroup.procs"), String(pid)),
    async workingSetMiB() {
      const stat = await readFile(join(folder, "memory.stat"), "utf8");
      const cache = Number(new RegExp(`^${inactive} (\\d+)$`, "m").exec(stat)?.[1] ?? 0);
      return (Number(await readFile(join(folder, usage), "utf8")) - cache) / mebibyte;
    },
    async [Symbol.asyncDispose]() {
      // It can go a moment after its last process.
      for (let attempt = 0; attempt < 50; attempt++) {
        try {
          await rmdir(folder);
          return;
        } catch {
          await sleep(100);
        }
      }
    },
  };
}
