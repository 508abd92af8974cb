import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BusyError } from "../errors/index.ts";
import { openDataFolder, ownSecret } from "./data-folder.ts";

let parent: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), "waybill-data-"));
});
afterEach(() => rm(parent, { recursive: true, force: true }));

const holder = `
const { openDataFolder } = await import(${JSON.stringify(new URL("./data-folder.ts", import.meta.url).href)});
await openDataFolder(process.argv[1]);
process.stdout.write("held\\n");
setInterval(() => {}, 1000);
`;

describe("a data folder", () => {
  it("is made when absent, readable by its owner only", async () => {
    const folder = await openDataFolder(join(parent, "a/b"));
    expect((await stat(folder.path)).mode & 0o777).toBe(0o700);
    await folder.close();
  });

  it("belongs to one at a time: the second is told who has it", async () => {
    const first = await openDataFolder(join(parent, "data"));
    await expect(openDataFolder(join(parent, "data"))).rejects.toThrow(BusyError);
    await expect(openDataFolder(join(parent, "data"))).rejects.toThrow(`process ${process.pid}`);
    await first.close();
    const second = await openDataFolder(join(parent, "data"));
    await second.close();
  });

  it("is free again after its process was killed", async () => {
    const child = spawn(process.execPath, ["--input-type=module", "-e", holder, join(parent, "data")], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    await expect(openDataFolder(join(parent, "data"))).rejects.toThrow(`process ${child.pid}`);
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
    const folder = await openDataFolder(join(parent, "data"));
    expect(await readFile(join(folder.path, "waybill.pid"), "utf8")).toBe(`${process.pid}\n`);
    await folder.close();
  });

  it("that cannot be one says what to do", async () => {
    await writeFile(join(parent, "file"), "");
    await expect(openDataFolder(join(parent, "file"))).rejects.toThrow(/cannot be used/);
  });
});

describe("a secret of the installation", () => {
  it("is made once, long enough for a signing key, for the owner's eyes only", async () => {
    const [one, two] = await Promise.all([ownSecret(parent, "signing.key"), ownSecret(parent, "signing.key")]);
    expect(one).toBe(two);
    expect(one).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect((await stat(join(parent, "signing.key"))).mode & 0o777).toBe(0o600);
    expect(await ownSecret(parent, "agent.token")).not.toBe(one);
    expect((await readdir(parent)).toSorted()).toEqual(["agent.token", "signing.key"]);
  });

  it("that somebody cut short is refused, not used", async () => {
    await writeFile(join(parent, "signing.key"), "short\n");
    await chmod(join(parent, "signing.key"), 0o600);
    await expect(ownSecret(parent, "signing.key")).rejects.toThrow("no usable secret");
  });
});
