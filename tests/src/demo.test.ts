import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { PullList, PullStatus } from "@waybill/pulltrace/contract";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { containerdMissing } from "./harness/containerd.ts";
import { until } from "./harness/until.ts";

const main = resolve(import.meta.dirname, "../../waybill/src/main.ts");
const missing = containerdMissing();
if (missing !== undefined) console.warn(`skipped: live demonstrations, since ${missing}`);

let folder: string;
let demos: Demo[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "waybill-demo-"));
  for (const name of ["data", "tmp", "cwd"]) await mkdir(join(folder, name));
  demos = [];
});
afterEach(async () => {
  for (const demo of demos) await demo.end("SIGKILL");
  await rm(folder, { recursive: true, force: true });
});

interface Demo {
  readonly child: ChildProcess;
  output(): string;
  url(): Promise<string>;
  pulls(): Promise<readonly PullStatus[]>;
  /** Waits for a row that `wanted` accepts. */
  pull(what: string, wanted: (pull: PullStatus) => boolean): Promise<PullStatus>;
  /** The exit code, null when the signal killed it. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

/** Everything that the demonstration could leave behind has a place of its own here: data, temp folder, working folder. */
function startDemo(flags: readonly string[] = [], environment: Readonly<Record<string, string>> = {}): Demo {
  const parameters = ["demo", "--data", join(folder, "data"), "--http", "127.0.0.1:0", "--metrics", "127.0.0.1:0"];
  const child = spawn(process.execPath, [main, ...parameters, ...flags], {
    cwd: join(folder, "cwd"),
    env: { PATH: process.env["PATH"], HOME: join(folder, "cwd"), TMPDIR: join(folder, "tmp"), ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let printed = "";
  const keep = (chunk: Buffer): void => {
    printed += chunk.toString();
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  const url = (): Promise<string> =>
    until("the address", () => {
      if (child.exitCode !== null) throw new Error(`the demonstration ended with ${child.exitCode}:\n${printed}`);
      return /Waybill runs at (http:\S+)/.exec(printed)?.[1];
    });
  const pulls = async (): Promise<readonly PullStatus[]> =>
    ((await (await fetch(`${await url()}/api/v1/pulls`)).json()) as PullList).pulls;
  const demo: Demo = {
    child,
    output: () => printed,
    url,
    pulls,
    pull: (what, wanted) =>
      until(what, async () => (await pulls()).find(wanted), {
        state: async () => `${JSON.stringify(await pulls())}\n${printed}`,
      }),
    async end(signal) {
      if (child.exitCode === null && child.signalCode === null) {
        const gone = once(child, "exit");
        child.kill(signal);
        await gone;
      }
      return child.exitCode;
    },
  };
  demos.push(demo);
  return demo;
}

/** Command lines of living processes that name our folder. */
async function processesOfOurs(): Promise<readonly string[]> {
  const numbers = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(numbers.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")));
  return lines.map((line) => line.replaceAll("\0", " ")).filter((line) => line.includes(folder));
}

async function mountsOfOurs(): Promise<readonly string[]> {
  return (await readFile("/proc/self/mountinfo", "utf8")).split("\n").filter((line) => line.includes(folder));
}

async function expectNothingLeft(): Promise<void> {
  expect(await processesOfOurs()).toEqual([]);
  expect(await mountsOfOurs()).toEqual([]);
  expect(await readdir(join(folder, "tmp"))).toEqual([]);
  expect(await readdir(join(folder, "cwd"))).toEqual([]);
  expect(await readdir(join(folder, "data"))).not.toContain("containerd");
}

const downloading = (pull: PullStatus): boolean => pull.phase === "downloading" && pull.downloadedBytes > 0;

describe.skipIf(missing !== undefined)("waybill demo with a containerd", () => {
  it("shows live pulls of two tenants; Ctrl-C in the middle leaves no process, mount or file outside its data folder", async () => {
    const demo = startDemo(["--rate", "2MiB"]);
    const one = await demo.pull("a live pull of team-a", (pull) => pull.tenant === "team-a" && downloading(pull));
    const two = await demo.pull("a live pull of team-b", (pull) => pull.tenant === "team-b" && downloading(pull));
    for (const pull of [one, two]) {
      expect(pull.recording ?? false).toBe(false);
      expect(pull.totalKnown).toBe(true);
      expect(pull.layers).toHaveLength(3);
    }
    expect(one.layers[0]?.digest).toBe(two.layers[0]?.digest);
    expect(await demo.end("SIGINT")).toBe(0);
    await expectNothingLeft();
  });

  it("runs to its end, and once more on the same data without harm", async () => {
    for (const round of ["first", "second"]) {
      const demo = startDemo(["--rate", "40MiB"]);
      for (const tenant of demoTenants) {
        const done = await demo.pull(
          `${tenant} done, ${round} round`,
          (pull) => pull.tenant === tenant && pull.phase === "done",
        );
        expect(done.percent).toBe(100);
      }
      expect(await demo.end("SIGTERM")).toBe(0);
      await expectNothingLeft();
    }
  });

  it("is refused on data that another one has, and the first goes on", async () => {
    const first = startDemo(["--rate", "2MiB"]);
    await first.pull("a live pull", downloading);
    const second = startDemo();
    // Its words have come, too.
    await once(second.child, "close");
    expect(second.child.exitCode).toBe(3);
    expect(second.output()).toContain(`in use by another Waybill (process ${first.child.pid})`);
    const before = (await first.pulls()).reduce((sum, pull) => sum + pull.downloadedBytes, 0);
    await until("more bytes", async () =>
      (await first.pulls()).reduce((sum, pull) => sum + pull.downloadedBytes, 0) > before ? true : undefined,
    );
    expect(await first.end("SIGINT")).toBe(0);
  });

  it("that was killed leaves no process, and the next one cleans up and works", async () => {
    const killed = startDemo(["--rate", "2MiB"]);
    await killed.pull("a live pull", downloading);
    await killed.end("SIGKILL");
    await until("the end of its containerd", async () => ((await processesOfOurs()).length === 0 ? true : undefined));
    const next = startDemo(["--rate", "40MiB"]);
    await next.pull("a pull that is done", (pull) => pull.phase === "done");
    expect(await next.end("SIGINT")).toBe(0);
    await expectNothingLeft();
  });

  it("works in a folder whose path is longer than a socket's may be", async () => {
    const deep = join(folder, "data", "d".repeat(120));
    const demo = startDemo(["--data", deep, "--rate", "2MiB"]);
    await demo.pull("a live pull", downloading);
    expect(await demo.end("SIGINT")).toBe(0);
    await expectNothingLeft();
  });
});

const demoTenants = ["team-a", "team-b"];

describe("waybill demo without a containerd", () => {
  it("says why in one line and replays a recording, marked as one in the API", async () => {
    const demo = startDemo([], { PATH: join(folder, "empty") });
    const pull = await demo.pull("a replayed pull", downloading);
    expect(pull.recording).toBe(true);
    expect(pull.tenant).toBeDefined();
    expect((await demo.pulls()).every(({ recording }) => recording === true)).toBe(true);
    expect(demo.output()).toMatch(/^no live pull: (it needs root|containerd is not installed|this container)/m);
    expect(demo.output()).toMatch(/^replaying .* recording/m);
    expect(await demo.end("SIGINT")).toBe(0);
    await expectNothingLeft();
  });

  it("says when its address is taken, which flag changes it, and ends with 3", async () => {
    const first = startDemo(["--recording"]);
    const address = new URL(await first.url()).host;
    const second = startDemo(["--recording", "--data", join(folder, "data/other"), "--http", address]);
    await once(second.child, "close");
    expect(second.child.exitCode).toBe(3);
    expect(second.output()).toMatch(/already in use\n.*--http/);
    expect(await first.end("SIGINT")).toBe(0);
  });
});
