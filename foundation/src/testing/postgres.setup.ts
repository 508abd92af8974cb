import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { Socket } from "node:net";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";

/**
 * Starts one PostgreSQL for a whole `real` run and takes it away afterwards. A server that is named in
 * WAYBILL_TEST_POSTGRES_SERVER (the address of a user that may create databases) is used instead and left alone.
 */
export default async function startPostgres(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env["WAYBILL_TEST_POSTGRES_SERVER"];
  if (given !== undefined && given !== "") {
    tellTests(project, given);
    return async () => {};
  }
  const keeper = spawn(process.execPath, [fileURLToPath(new URL("./postgres.keeper.ts", import.meta.url))], {
    // Its end of the pipe tells it when this process is gone, however that went: nothing stays behind.
    stdio: ["pipe", "pipe", "inherit"],
    // Not in this terminal's group: on Ctrl-C it must outlive the tests that still use the server.
    detached: true,
  });
  tellTests(project, await firstLine(keeper));
  letGo(keeper);
  return async () => {
    if (keeper.exitCode !== null) return;
    keeper.ref();
    const gone = once(keeper, "exit");
    keeper.stdin.end();
    await gone;
  };
}

/** For this project's tests alone: the others promise to need nothing but Node. */
function tellTests(project: TestProject, url: string): void {
  project.config.env = { ...project.config.env, WAYBILL_TEST_POSTGRES_URL: url };
}

async function firstLine(keeper: ChildProcessByStdio<Writable, Readable, null>): Promise<string> {
  for await (const line of createInterface({ input: keeper.stdout })) return line;
  throw new Error("PostgreSQL for the tests did not start; the reason stands above.");
}

/** Whatever goes wrong from here on, the keeper must not keep the run from ending. */
function letGo(keeper: ChildProcessByStdio<Writable, Readable, null>): void {
  keeper.unref();
  keeper.stdout.destroy();
  if (keeper.stdin instanceof Socket) keeper.stdin.unref();
}
