import { execFile } from "node:child_process";
import { appendFile, cp, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { temporaryFolder, type TemporaryFolder } from "@waybill/foundation/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const run = promisify(execFile);
const root = resolve(import.meta.dirname, "../..");
const rooms = ["foundation", "artifact-store", "kubenova", "pulltrace", "waybill"];
let folder: TemporaryFolder;
/** A checkout of its own: this test changes sources. */
let checkout: string;
let program: string;

beforeAll(async () => {
  folder = await temporaryFolder("waybill-built-");
  checkout = join(folder.path, "checkout");
  program = join(checkout, "node_modules/.cache/waybill-program");
  const isSource = (path: string): boolean => !/\/node_modules(\/|$)/.test(path.slice(root.length));
  for (const name of [...rooms, "bin", "scripts", "package.json", "package-lock.json"]) {
    await cp(join(root, name), join(checkout, name), { recursive: true, filter: isSource });
  }
  await mkdir(join(checkout, "node_modules/@waybill"), { recursive: true });
  for (const name of await readdir(join(root, "node_modules"))) {
    if (name === "@waybill" || name === ".cache") continue;
    await symlink(join(root, "node_modules", name), join(checkout, "node_modules", name));
  }
  for (const room of rooms) await symlink(join(checkout, room), join(checkout, "node_modules/@waybill", room));
  await build();
});
afterAll(() => folder[Symbol.asyncDispose]());

const build = () => run(process.execPath, [join(checkout, "scripts/build-program.ts")], { cwd: checkout });
const waybill = (...words: readonly string[]) => run(join(checkout, "bin/waybill"), words, { cwd: folder.path });
const recordText = () => readFile(join(program, "program.json"), "utf8");

describe("the built command line", () => {
  it("does what the sources do: a worker, a store, a page of the documentation", async () => {
    await writeFile(join(folder.path, "report.txt"), "all passed\n".repeat(500_000));
    const put = await waybill("store", "put", "report.txt", "acme/results:one", "--root", "data", "--quiet");
    expect(put.stdout).toContain("acme/results@sha256:");
    await waybill("store", "get", "acme/results:one", "--root", "data", "--output", "back", "--quiet");
    expect(await readFile(join(folder.path, "back/report.txt"))).toEqual(
      await readFile(join(folder.path, "report.txt")),
    );
    const { stdout } = await waybill("docs", "settings");
    expect(stdout).toBe(await readFile(join(root, "docs/settings.md"), "utf8"));
  });

  it("finds packages that are imported late, with the names of what they export", async () => {
    const bucket = "s3://bucket?endpoint=http://127.0.0.1:1";
    const keys = { AWS_ACCESS_KEY_ID: "nobody", AWS_SECRET_ACCESS_KEY: "secret" };
    const doctor = run(join(checkout, "bin/waybill"), ["doctor", "--blobs", bucket], {
      cwd: folder.path,
      env: { ...process.env, ...keys },
    });
    const { stdout, stderr } = await doctor.catch((error: unknown) => error as { stdout: string; stderr: string });
    expect(stdout).toContain("127.0.0.1:1");
    expect(stderr).not.toContain("bug in Waybill");
  });

  it("is what bin/waybill runs while no source has changed, and is not built again", async () => {
    const before = await recordText();
    const { entry } = JSON.parse(before) as { readonly entry: string };
    await appendFile(join(program, entry), '\nprocess.stderr.write("built\\n");\n');
    expect(await waybill("version")).toMatchObject({ stderr: "built\n" });
    expect((await build()).stdout).toBe("");
    expect(await recordText()).toBe(before);
  });

  it("steps aside for a source that has changed, and is built anew of it", async () => {
    const file = join(checkout, "waybill/src/version/index.ts");
    await writeFile(file, 'export const programVersion: string = "9.9.9";\n');
    expect(await waybill("version")).toMatchObject({
      stdout: expect.stringContaining("waybill 9.9.9") as string,
      stderr: "",
    });
    const files = await readdir(program);
    expect((await build()).stdout).toContain("building");
    expect(await waybill("--version")).toMatchObject({ stdout: "waybill 9.9.9\n", stderr: "" });
    // What a process of before may still load is there.
    expect(await readdir(program)).toEqual(expect.arrayContaining(files));
  });
});
