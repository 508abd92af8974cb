import { execFile } from "node:child_process";
import { open, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { temporaryFolder } from "@waybill/foundation/testing";

const run = promisify(execFile);

/** A file system of its own, in memory, that a test may fill and make read-only. */
export interface SmallDisk extends AsyncDisposable {
  readonly path: string;
  /** Bytes that still fit. */
  free(): Promise<number>;
  /** Takes everything that is left, as another program would. */
  fill(): Promise<void>;
  /** Gives back what `fill` took. */
  empty(): Promise<void>;
  /** Rejects while a file on it is open for writing. */
  setReadOnly(isReadOnly: boolean): Promise<void>;
}

/** For `describe.skipIf`: whether this process may mount. Says why not. */
export function lacksMount(): boolean {
  const isRoot = process.getuid?.() === 0;
  if (!isRoot) process.stderr.write("tests on a small disk are left out: only root may mount one\n");
  return !isRoot;
}

export async function smallDisk(bytes: number): Promise<SmallDisk> {
  const folder = await temporaryFolder("waybill-disk-");
  const path = folder.path;
  await run("mount", ["-t", "tmpfs", "-o", `size=${bytes},mode=700`, "waybill-test", path]);
  const filler = join(path, "filler");
  const free = async (): Promise<number> => {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  };
  return {
    path,
    free,
    async fill() {
      const file = await open(filler, "a");
      try {
        for (let left = await free(); left > 0; left = await free())
          await file.write(new Uint8Array(Math.min(left, 65_536)));
      } finally {
        await file.close();
      }
    },
    empty: () => rm(filler, { force: true }),
    setReadOnly: async (isReadOnly) => {
      await run("mount", ["-o", `remount,${isReadOnly ? "ro" : "rw"}`, path]);
    },
    async [Symbol.asyncDispose]() {
      // Also when a test that failed has files open there: it goes with the last of them.
      await run("umount", ["--lazy", path]);
      await folder[Symbol.asyncDispose]();
    },
  };
}
