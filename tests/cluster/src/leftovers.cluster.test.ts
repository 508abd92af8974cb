import { type ChildProcess, type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "@waybill/foundation/testing";
import { afterEach, describe, expect, it, vi } from "vitest";
import { planAddresses } from "./addresses.ts";
import { cleanUpDead } from "./clean-up.ts";
import { startCluster } from "./cluster.ts";
import type { Cluster } from "./contract.ts";
import { clusterMissing } from "./missing.ts";
import { findPrograms } from "./programs/index.ts";
import { leftovers, nothing, ownClusters } from "./testing/leftovers.ts";
import { reaches, webPod } from "./testing/pods.ts";
import { until } from "./until.ts";

const missing = await clusterMissing();
const reason = missing === undefined ? "" : ` (not tried: ${missing})`;
const clusters = new Set<Cluster>();
const runs = new Set<ChildProcess>();

async function start(nodes: number): Promise<Cluster> {
  const cluster = await startCluster({ nodes });
  clusters.add(cluster);
  return cluster;
}

/** Another test run, in a process of its own, that starts a cluster and prints its id. */
function spawnDoomed(): ChildProcessByStdio<null, Readable, null> {
  const script = fileURLToPath(new URL("./testing/doomed.ts", import.meta.url));
  const run = spawn(process.execPath, [script], { stdio: ["ignore", "pipe", "inherit"] });
  runs.add(run);
  return run;
}

async function startDoomed(): Promise<{ readonly run: ChildProcess; readonly id: string }> {
  const run = spawnDoomed();
  for await (const id of createInterface({ input: run.stdout })) return { run, id };
  throw new Error("the other run ended before its cluster was up; its words stand above");
}

async function killed(process: ChildProcess): Promise<void> {
  const gone = once(process, "exit");
  process.kill("SIGKILL");
  await gone;
}

/** How many processes have both words in their command line. */
async function processesNamed(one: string, other: string): Promise<number> {
  let count = 0;
  for (const entry of await readdir("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const line = await readFile(`/proc/${entry}/cmdline`, "utf8").catch(() => "");
    if (line.includes(one) && line.includes(other)) count += 1;
  }
  return count;
}

/** The keeper of a cluster is no process of the cluster: it is found by its command line. */
async function keeperOf(id: string, run: ChildProcess): Promise<number> {
  const children = (await readFile(`/proc/${run.pid}/task/${run.pid}/children`, "utf8")).trim().split(" ");
  for (const child of children) {
    const line = await readFile(`/proc/${child}/cmdline`, "utf8").catch(() => "");
    if (line.includes("keeper.ts") && line.split("\0").includes(id)) return Number(child);
  }
  throw new Error(`cluster ${id} has no keeper`);
}

const isGone = async (id: string): Promise<boolean> =>
  Object.values(await leftovers(id)).every((left) => left.length === 0);
const whatIsLeft = async (id: string): Promise<string> =>
  id === "" ? "no cluster yet" : JSON.stringify(await leftovers(id));
/** A start that has come so far, or further: nobody sees each of its moments. */
const hasAtLeast = async (count: number, kind: "mounts" | "links" | "controlGroups", id: string): Promise<boolean> =>
  (await leftovers(id))[kind].length >= count;

afterEach(async () => {
  vi.unstubAllEnvs();
  for (const run of runs) if (run.exitCode === null && run.signalCode === null) await killed(run);
  runs.clear();
  for (const cluster of clusters) await cluster.stop();
  clusters.clear();
});

describe.skipIf(missing !== undefined)(`the end of a cluster${reason}`, () => {
  it("leaves nothing behind, and the cluster beside it runs on", async () => {
    const [one, other] = await Promise.all([start(1), start(1)]);
    expect(planAddresses(one.id).network).not.toBe(planAddresses(other.id).network);
    const { paths } = await findPrograms();
    for (const cluster of [one, other]) {
      await cluster.pushProgram("team-a/web:1", paths?.web ?? "");
      await cluster.apply(webPod("web", "node-1"));
    }
    for (const cluster of [one, other]) await cluster.waitFor("pod/web", "condition=Ready");
    for (const left of Object.values(await leftovers(one.id))) expect(left.length).toBeGreaterThan(0);

    await one.stop();
    expect(await leftovers(one.id)).toEqual(nothing);
    await one.stop();
    await other.waitFor("node/node-1", "condition=Ready=True");
    await reaches(other, "web", "http://127.0.0.1:8080", "web");
    await other.stop();
    expect(await leftovers(other.id)).toEqual(nothing);
  });

  it("comes by itself when the test's process is killed", async () => {
    const { run, id } = await startDoomed();
    expect(await isGone(id)).toBe(false);
    await killed(run);
    await until("the keeper to have cleaned up", () => isGone(id), { state: () => whatIsLeft(id) });
  });

  it("comes by itself when the test's process is killed in the middle of the start", async () => {
    const moments: readonly ((id: string) => Promise<boolean>)[] = [
      async () => true,
      (id) => hasAtLeast(1, "mounts", id),
      (id) => hasAtLeast(1, "links", id),
      (id) => hasAtLeast(1, "controlGroups", id),
      (id) => hasAtLeast(2, "links", id),
    ];
    for (const moment of moments) {
      const run = spawnDoomed();
      let id = "";
      await until(
        "the other run to come so far",
        async () => {
          id = (await ownClusters(run.pid))[0] ?? "";
          return id !== "" && moment(id);
        },
        { state: () => whatIsLeft(id) },
      );
      await killed(run);
      // Whoever is killed before it has a keeper is cleaned up after by the next run.
      await until(
        "the keeper to have cleaned up",
        async () => {
          // It looks twice: a moment later, what the dead run had just begun may have come.
          if ((await processesNamed("keeper.ts", id)) > 0) return false;
          await cleanUpDead(() => undefined);
          return isGone(id);
        },
        { state: () => whatIsLeft(id) },
      );
      expect(await leftovers(id)).toEqual(nothing);
    }
  });

  it("comes with the next run when the keeper was killed too, and only for the dead", async () => {
    // Clusters are found by their folders: a test file beside this one, which starts a cluster, must not be the next run.
    await using ended = new AsyncDisposableStack();
    vi.stubEnv("TMPDIR", ended.use(await temporaryFolder("waybill-alone-")).path);
    const { run, id } = await startDoomed();
    const living = await startDoomed();
    ended.defer(async () => {
      await killed(living.run);
      await until("its keeper to have cleaned up", () => isGone(living.id), { state: () => whatIsLeft(living.id) });
    });
    process.kill(await keeperOf(id, run), "SIGKILL");
    await killed(run);
    expect(await isGone(id)).toBe(false);
    const said: string[] = [];
    await cleanUpDead((line) => said.push(line));
    expect(said.filter((line) => line.includes(id))).toHaveLength(1);
    expect(said.filter((line) => line.includes(living.id))).toEqual([]);
    expect(await leftovers(id)).toEqual(nothing);
    expect(await isGone(living.id)).toBe(false);
  });

  it("comes when the start fails half-way", async () => {
    const ids = new Set<string>();
    const failing = startCluster({
      nodes: 1,
      // A folder without a containerd in it.
      containerdFolder: fileURLToPath(new URL("./testing", import.meta.url)),
      onProgress: () => void ownClusters().then((own) => own.forEach((id) => ids.add(id))),
    });
    await expect(failing).rejects.toThrow(/containerd/);
    expect(ids.size).toBe(1);
    for (const id of ids) expect(await leftovers(id)).toEqual(nothing);
    expect(await ownClusters()).toEqual([]);
  });
});
