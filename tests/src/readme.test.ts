import { readFile, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PullList } from "@waybill/pulltrace/contract";
import { buildSampleImage, writeOciLayout } from "@waybill/waybill/sample";
import { freshMachine, freshMachineMissing, type FreshMachine, type Started } from "./harness/fresh-machine.ts";
import { until } from "./harness/until.ts";

/** Every command of the README, as written, in a fresh clone with an empty home folder. */

const missing = freshMachineMissing();
let machine: FreshMachine;
let commands: readonly string[];
const done = new Set<string>();

/** The README's line that begins so: taken from there, so that what is run is what a reader copies. */
function command(beginning: string): string {
  const line = commands.find((one) => one.startsWith(beginning));
  if (line === undefined) throw new Error(`the README has no command that begins with: ${beginning}`);
  done.add(line);
  return line;
}

const get = (path: string, options = ""): Promise<string> =>
  machine.shell(`curl -sS ${options} http://127.0.0.1:8080${path}`);
const pulls = async (): Promise<PullList> => JSON.parse(await get("/api/v1/pulls")) as PullList;
async function untilItAnswers(started: Started): Promise<void> {
  await until("waybill to answer", async () => {
    if (started.child.exitCode !== null) throw new Error(started.output());
    return get("/healthz").then(
      () => true,
      () => undefined,
    );
  });
}

beforeAll(async () => {
  if (missing !== undefined) return;
  const readme = await readFile(new URL("../../README.md", import.meta.url), "utf8");
  commands = [...readme.matchAll(/^```sh\n([^]*?)^```/gm)]
    .flatMap(([, block]) => (block ?? "").split("\n"))
    .map((line) => line.replace(/\s+# .*$/, "").trim())
    .filter((line) => line !== "");
  machine = await freshMachine();
});

afterAll(async () => {
  await machine?.[Symbol.asyncDispose]();
});

const reason = missing === undefined ? "" : ` (not tried: ${missing})`;
describe.skipIf(missing !== undefined)(`the README in a fresh clone with an empty home folder${reason}`, () => {
  it("make up: shows a live pull, and Ctrl-C leaves nothing behind; the second time as well", async () => {
    for (const round of ["first", "second"]) {
      const demo = machine.start(command("make up"));
      const live = await until("a live pull", async () => {
        if (demo.child.exitCode !== null) throw new Error(demo.output());
        const list = await pulls().catch(() => undefined);
        return list?.pulls.find(({ phase, downloadedBytes }) => phase === "downloading" && downloadedBytes > 0);
      });
      expect(live.recording ?? false).toBe(false);
      expect(live.tenant).toMatch(/^team-[ab]$/);
      expect(demo.output()).toContain("http://127.0.0.1:8080");
      await demo.interrupt();
      expect([round, await machine.processes(), await machine.mounts()]).toEqual([round, [], []]);
    }
    await rm(join(machine.clone, ".data"), { recursive: true });
    expect(await machine.shell("git -c safe.directory='*' status --short 2>/dev/null || true")).toBe("");
  });

  it("make test: is what CI runs", async () => {
    expect(await machine.shell(`${command("make test")} --dry-run`)).toContain("scripts/test.ts check unit real");
    expect(await readFile(join(machine.clone, ".ci/run"), "utf8")).toContain("make --no-print-directory test");
  });

  it("bin/waybill: doctor and help answer, up serves, skopeo pushes, the agent reports", async () => {
    expect(await machine.shell(command("bin/waybill doctor"))).toContain("Waybill can run here");
    expect(await machine.shell(command("bin/waybill --help"))).toContain("Usage: waybill");
    const up = machine.start(command("bin/waybill up --data"));
    await untilItAnswers(up);

    const image = await buildSampleImage({
      name: "image",
      tag: "latest",
      layers: [{ seed: "readme", sizeBytes: 50_000 }],
    });
    await writeOciLayout(join(machine.clone, "image"), image);
    await machine.shell(command("skopeo copy").replace(":latest ", ":image:latest "));
    expect(
      JSON.parse(await machine.shell(command("curl http://127.0.0.1:8080/v2/").replace("curl", "curl -sS"))),
    ).toEqual({
      name: "team-a/web",
      tags: ["1.0"],
    });

    await machine.shell(command("bin/waybill store put"));
    expect(await machine.shell(command("bin/waybill store show"))).toContain("branch");
    await machine.shell(command("bin/waybill store get"));
    await machine.shell("diff -r docs docs-again && rm -r docs-again");

    const agent = machine.start(command("PULLTRACE_NODE_NAME="));
    await until(
      "the agent's report",
      async () => (await pulls()).nodes.some(({ nodeName }) => nodeName === hostname()) || undefined,
    );
    await agent.interrupt();
    await up.interrupt();
    expect(await machine.processes()).toEqual([]);
  });

  it("with a key: the first token is printed, and without a token nobody enters", async () => {
    const key = command("export JWT_SIGNING_KEY=").replace(/\$\(.*\)$/, "a-key-of-this-test-that-is-long-enough");
    const token = (await machine.shell(`${key}; ${command("bin/waybill kubenova token create")} 2>/dev/null`)).trim();
    const up = machine.start(`${key}; exec ${command("bin/waybill up --http :8080")}`);
    await untilItAnswers(up);
    const status = (options: string): Promise<string> =>
      get("/api/v1/clusters", `-o /dev/null -w '%{http_code}' ${options}`);
    expect(await status("")).toBe("401");
    expect(await status(`-H 'Authorization: Bearer ${token}'`)).toBe("200");
    await up.interrupt();
  });

  it("has no command that was not run here", () => {
    expect(commands.filter((line) => !done.has(line))).toEqual([]);
  });
});
