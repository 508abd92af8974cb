import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { socketFinding } from "./containerd.ts";
import { dataFolderFindings } from "./data-folder.ts";
import { verdict } from "./examination.ts";
import type { Finding, FindingStatus } from "./finding.ts";
import { nodeFinding } from "./node.ts";
import { portFinding } from "./ports.ts";
import { findProgram } from "./programs.ts";

let folder: string;
const servers: Server[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "waybill-doctor-"));
});
afterEach(async () => {
  for (const server of servers.splice(0)) server.close();
  await rm(folder, { recursive: true });
});

function listen(where: string | number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.end());
    servers.push(server);
    server.once("error", reject);
    const done = (): void => resolve(server);
    if (typeof where === "string") server.listen(where, done);
    else server.listen(where, "127.0.0.1", done);
  });
}

const finding = (status: FindingStatus): Finding => ({ name: "x", status, detail: "x" });

describe("the verdict", () => {
  it.each<[readonly FindingStatus[], ReturnType<typeof verdict>]>([
    [["ok", "ok"], "works"],
    [["ok", "missing"], "works"],
    [["missing", "warning"], "works with warnings"],
    [["warning", "failed", "ok"], "cannot run"],
  ])("of %j is %s", (statuses, expected) => {
    expect(verdict(statuses.map(finding))).toBe(expected);
  });
});

describe("Node", () => {
  it.each([
    ["24.15.0", "ok"],
    ["25.0.0", "ok"],
    ["24.14.9", "failed"],
    ["20.20.2", "failed"],
  ])("%s is %s", (version, status) => {
    expect(nodeFinding(version).status).toBe(status);
  });
});

describe("the data folder", () => {
  it("need not exist: the place where it would be made is tried, and nothing stays there", async () => {
    const findings = await dataFolderFindings(join(folder, "a/b/c"));
    expect(findings.map(({ name }) => name)).toEqual(["data folder", "SQLite"]);
    expect(findings[1]?.detail).toMatch(/durable commits take [\d.]+ ms/);
    expect(await readdir(folder)).toEqual([]);
  });

  it("in a place where nothing can be made fails, and the advice names the flag", async () => {
    const findings = await dataFolderFindings("/proc/self/none");
    expect(findings.at(-1)).toMatchObject({ status: "failed", advice: expect.stringContaining("--data") as string });
  });
});

describe("an address", () => {
  it("that is free is left free", async () => {
    const server = await listen(0);
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    expect((await portFinding("HTTP", "--http", { host: "127.0.0.1", port })).status).toBe("ok");
    expect((await listen(port)).listening).toBe(true);
  });

  it("that another program has fails, with the flag to change it", async () => {
    const server = await listen(0);
    const { port } = server.address() as AddressInfo;
    expect(await portFinding("HTTP", "--http", { host: "127.0.0.1", port })).toMatchObject({
      status: "failed",
      detail: `127.0.0.1:${port} is in use by another program`,
      advice: expect.stringContaining("--http") as string,
    });
  });

  it("that this machine does not have fails", async () => {
    expect((await portFinding("HTTP", "--http", { host: "192.0.2.1", port: 0 })).status).toBe("failed");
  });
});

describe("containerd's socket", () => {
  it("works when somebody listens there", async () => {
    await listen(join(folder, "c.sock"));
    expect((await socketFinding(join(folder, "c.sock"))).status).toBe("ok");
  });

  it("that nobody made is missing, and does not stop the main job", async () => {
    expect(await socketFinding(join(folder, "none.sock"))).toMatchObject({
      status: "missing",
      detail: expect.stringContaining("there is no containerd") as string,
    });
  });

  it("that is a plain file or folder is no socket", async () => {
    await mkdir(join(folder, "c.sock"));
    expect((await socketFinding(join(folder, "c.sock"))).detail).toContain("is no socket");
  });
});

describe("a program", () => {
  it("is looked for along the path, in order, and only where it can run", async () => {
    for (const name of ["one", "two"]) await mkdir(join(folder, name));
    await writeFile(join(folder, "one/tool"), "", { mode: 0o644 });
    await writeFile(join(folder, "two/tool"), "", { mode: 0o755 });
    expect(await findProgram("tool", `${folder}/one::${folder}/two`)).toBe(join(folder, "two/tool"));
    expect(await findProgram("no-such-tool", folder)).toBeUndefined();
  });
});
