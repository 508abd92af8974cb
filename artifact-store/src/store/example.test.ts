import { readFile, writeFile } from "node:fs/promises";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { startProcess, temporaryFolder } from "@waybill/foundation/testing";
import { describe, expect, it } from "vitest";
import { digestOf } from "../digest/index.ts";

const run = promisify(execFile);
const docs = new URL("../../../docs/", import.meta.url);

/** What an example prints, line by line, in a store of its own. */
async function linesOf(example: URL): Promise<string[]> {
  await using folder = await temporaryFolder("waybill-example-");
  const parameters = [join(folder.path, "store"), join(folder.path, "elsewhere")];
  return (await startProcess(example, parameters).finished()).split("\n");
}

/** The programs of a page. */
async function programsOf(page: string): Promise<string[]> {
  const text = await readFile(new URL(page, docs), "utf8");
  return [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, program]) => program ?? "");
}

describe("the examples run without a server, and end by themselves", () => {
  it("ten-lines: a blob, stored and read back", async () => {
    const text = "all tests passed\n";
    expect(await linesOf(new URL("../../examples/ten-lines.ts", import.meta.url))).toEqual([
      `${digestOf(Buffer.from(text))} ${text.length}`,
      text.trimEnd(),
    ]);
  });

  it("images: an image with tags, what refers to it, a mount, and a pin that nobody deletes", async () => {
    expect(await linesOf(new URL("../../examples/images.ts", import.meta.url))).toEqual([
      "application/vnd.oci.image.manifest.v1+json latest v1",
      "application/vnd.acme.report",
      "8 bytes mounted",
      "HELD",
      "kept because it is pinned by deployer (app: revision 7 runs it)",
    ]);
  });

  it("resume-upload: a blob in parts, over an end of the process", async () => {
    expect(await linesOf(new URL("../../examples/resume-upload.ts", import.meta.url))).toEqual([
      "3000000 bytes are there",
      expect.stringMatching(/^RANGE_INVALID, then 5000000 bytes under sha256:/),
    ]);
  });

  it("archives-and-events: a package out and in again, hostile paths refused, events in their order", async () => {
    expect(await linesOf(new URL("../../examples/archives-and-events.ts", import.meta.url))).toEqual([
      "junit.xml, logs/\u00fcnit.log",
      "PATH_INVALID",
      "package.opened",
      ...Array.from({ length: 3 }, () => "blob.stored"),
      "manifest.stored",
      "package.sealed",
    ]);
  });

  it("move-blobs: to another place, verified", async () => {
    expect(await linesOf(new URL("../../examples/move-blobs.ts", import.meta.url))).toEqual([
      "1 copied, 0 damaged",
      "moved as it was",
      "0 findings",
    ]);
  });

  it("keep-and-collect: what would go, what is held, and a saved plan", async () => {
    expect(await linesOf(new URL("../../examples/keep-and-collect.ts", import.meta.url))).toEqual([
      "in 60 days 2 builds would be gone",
      "kept because it is held by ann (case-7: we look into it)",
      "4 of 4 steps done",
      "2 expired",
    ]);
  });
});

describe("the programs of the documentation", () => {
  it("the ten lines of docs/artifact-store.md are those of the example", async () => {
    const example = await readFile(new URL("../../examples/ten-lines.ts", import.meta.url), "utf8");
    expect((await programsOf("artifact-store.md"))[0]).toBe(example);
  });

  it("the others run as they are written, one after the other on one store", async () => {
    await using folder = await temporaryFolder("waybill-example-");
    await writeFile(join(folder.path, "junit.xml"), "<testsuites/>");
    const programs = [...(await programsOf("artifact-store.md")).slice(1), ...(await programsOf("packages.md"))];
    expect(programs.length).toBeGreaterThan(3);
    const written = `
      import { createReadStream } from "node:fs";
      import { openStore, parseRepositoryName } from "@waybill/artifact-store";
      process.chdir(${JSON.stringify(folder.path)});
      const store = await openStore({ root: "store" });
      const repository = parseRepositoryName("acme/documented");
      const text = JSON.stringify(await store.collection.savePlan());
      ${programs.map((program) => `{\n${program}\n}`).join("\n")}
      const { items } = await store.packages.find({ repository });
      console.log(items.map(({ state, fileCount }) => state + " " + fileCount).join());
      await store.close();`;
    const cwd = new URL("../..", import.meta.url).pathname;
    const { stdout } = await run(process.execPath, ["--input-type=module-typescript", "-e", written], { cwd });
    expect(stdout).toBe("sealed 1\n");
  });
});
