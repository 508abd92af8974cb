import { spawn } from "node:child_process";
import { once } from "node:events";
import { Socket } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "@waybill/foundation/testing";
import type { TestProject } from "vitest/node";

/** Makes Ceph possible for a `real` run; it starts when the first test asks for it (`ceph.ts`), and goes with the run. */
export default async function prepareCeph(project: TestProject): Promise<() => Promise<void>> {
  const folder = await temporaryFolder("wb-ceph-socket-");
  const socket = join(folder.path, "keeper");
  const keeper = spawn(process.execPath, [fileURLToPath(new URL("./ceph.keeper.ts", import.meta.url)), socket], {
    // Its end of the pipe tells it when this process is gone, however that went.
    stdio: ["pipe", "pipe", "inherit"],
    detached: true,
  });
  await Promise.race([once(keeper.stdout, "data"), once(keeper, "exit")]);
  keeper.unref();
  keeper.stdout.destroy();
  if (keeper.stdin instanceof Socket) keeper.stdin.unref();
  project.config.env = { ...project.config.env, WAYBILL_TEST_CEPH: socket };
  return async () => {
    if (keeper.exitCode === null) {
      keeper.ref();
      const gone = once(keeper, "exit");
      keeper.stdin.end();
      await gone;
    }
    await folder[Symbol.asyncDispose]();
  };
}
