import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { openStore } from "@waybill/artifact-store";
import { temporaryFolder } from "@waybill/foundation/testing";
import { expect, it } from "vitest";
import { startWaybill } from "./harness/waybill.ts";

const run = promisify(execFile);
const project = resolve(import.meta.dirname, "../..");
const script = join(project, "scripts/ingest-test-results.ts");

/** A run of one small suite by the test runner of this project, with the reports that it really writes. */
async function realResults(folder: string): Promise<string> {
  const results = join(folder, "results");
  await mkdir(results);
  const reporters = ["--reporter=junit", `--outputFile.junit=${join(results, "unit.junit.xml")}`];
  const { stdout } = await run(
    process.execPath,
    [
      join(project, "node_modules/vitest/vitest.mjs"),
      "run",
      "--project",
      "unit",
      "artifact-store/src/names",
      ...reporters,
    ],
    { cwd: project },
  );
  await writeFile(join(results, "unit.log"), stdout);
  await writeFile(join(results, "closing-line"), "12 passed, 0 failed, 1 skipped\n");
  return results;
}

it("the results of this project's own tests become a package, in a folder and on a server", async () => {
  await using folder = await temporaryFolder("waybill-ingest-");
  const results = await realResults(folder.path);
  const junit = await readFile(join(results, "unit.junit.xml"), "utf8");
  expect(junit).toMatch(/<testsuites .*tests="\d+" failures="0"/);

  const root = join(folder.path, "store");
  const environment = { ...process.env, CI_RUN_ID: "build-17" };
  const local = await run(process.execPath, [script, "--results", results, "--root", root], { env: environment });
  const [id = "", digest] = local.stdout.trim().split(" ");
  const store = await openStore({ root });
  const { items } = await store.packages.find({ runId: "build-17", labels: { outcome: "passed", subject: "waybill" } });
  expect(items).toMatchObject([
    { id, digest, producer: "waybill-ci", labels: { passed: "12", skipped: "1" }, fileCount: 3 },
  ]);
  expect(await text((await store.packages.openFile(id, "unit.junit.xml")).reader.stream())).toBe(junit);
  await store.close();

  const waybill = await startWaybill();
  const remote = await run(process.execPath, [script, "--results", results, "--server", waybill.url], {
    env: environment,
  });
  const [there] = remote.stdout.trim().split(" ");
  const file = await fetch(`${waybill.url}/api/v1/packages/${there}/files/unit.junit.xml`);
  expect(await file.text()).toBe(junit);
  await waybill.close();

  await mkdir(join(folder.path, "empty"));
  await expect(
    run(process.execPath, [script, "--results", join(folder.path, "empty"), "--root", root]),
  ).rejects.toThrow(/nothing to ingest/);
});
