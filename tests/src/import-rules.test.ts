import { execFile } from "node:child_process";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, describe, expect, it } from "vitest";

/** The rules of `.dependency-cruiser.cjs` refuse what they are there to refuse: each case breaks one. */

const run = promisify(execFile);
const root = join(import.meta.dirname, "../..");
const probes: string[] = [];

async function violations(folder: string, statement: string): Promise<string> {
  const probe = join(root, folder, "import-rule-probe.ts");
  probes.push(probe);
  await writeFile(probe, `${statement}\n`);
  const options = ["--config", ".dependency-cruiser.cjs", "--output-type", "err", join(folder, "import-rule-probe.ts")];
  return run(join(root, "node_modules/.bin/depcruise"), options, { cwd: root }).then(
    ({ stdout }) => stdout,
    (error: { stdout: string }) => error.stdout,
  );
}

afterEach(async () => {
  for (const probe of probes.splice(0)) await rm(probe, { force: true });
});

describe("the build fails when an import", () => {
  it.each([
    ["foundation-knows-no-system", "foundation/src/errors", 'export * from "@waybill/pulltrace/contract";'],
    ["systems-do-not-meet", "pulltrace/src/server", 'export * from "@waybill/kubenova/contract";'],
    ["nobody-imports-waybill-but-tests", "kubenova/src/manager", 'export * from "@waybill/waybill/assembly";'],
    ["console-imports-contracts-only", "console/src/live", 'export * from "@waybill/pulltrace/server";'],
    ["not-past-a-face-of-another-room", "pulltrace/src/server", 'export * from "../../../foundation/src/http/app.ts";'],
    ["not-past-a-face-inside-a-room", "foundation/src/eventlog", 'export * from "../http/app.ts";'],
    ["test-parts-stay-in-tests", "artifact-store/src/http", 'export * from "@waybill/foundation/testing";'],
  ])("breaks the rule %s", async (rule, folder, statement) => {
    expect(await violations(folder, statement)).toContain(rule);
  });

  it("and not when it goes through a face", async () => {
    expect(await violations("pulltrace/src/server", 'export * from "@waybill/foundation/errors";')).toContain(
      "no dependency violations",
    );
  });
});
