import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { identityOf, isAlive } from "./process-identity.ts";

describe("the identity of a process", () => {
  it("is alive while the process is, and dead with it", async () => {
    const child = spawn("sleep", ["60"], { stdio: "ignore" });
    await once(child, "spawn");
    const identity = await identityOf(child.pid ?? -1);
    expect(await isAlive(identity)).toBe(true);
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(await isAlive(identity)).toBe(false);
    await expect(identityOf(child.pid ?? -1)).rejects.toThrow("there is no process");
  });

  it("is not that of a later process with the same number, nor of one before a reboot", async () => {
    const own = await identityOf(process.pid);
    expect(await isAlive(own)).toBe(true);
    expect(await isAlive({ ...own, startedAt: String(Number(own.startedAt) - 1) })).toBe(false);
    expect(await isAlive({ ...own, bootId: "another" })).toBe(false);
  });
});
