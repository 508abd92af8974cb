import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { openSync, closeSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort, goTool } from "@waybill/foundation/testing";

/** A registry under measurement, in a process of its own, on an empty folder. */
export interface Peer {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

const repositoryRoot = fileURLToPath(new URL("../../../", import.meta.url));

async function untilItAnswers(url: string, child: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (child.exitCode !== null) throw new Error(`the peer ended with exit code ${child.exitCode}`);
    const answered = await fetch(`${url}/v2/`).then(
      (response) => response.ok,
      () => false,
    );
    if (answered) return;
    await sleep(50);
  }
  throw new Error(`${url} did not answer within 10 s`);
}

async function start(
  name: string,
  command: (folder: string, port: number) => Promise<readonly [string, readonly string[]]>,
  environment: Readonly<Record<string, string>> = {},
): Promise<Peer> {
  const folder = await mkdtemp(join(tmpdir(), "waybill-bench-"));
  const port = await freePort();
  const [program, parameters] = await command(folder, port);
  const output = openSync(join(folder, "output.txt"), "a");
  const child = spawn(program, parameters, {
    stdio: ["ignore", output, output],
    env: { ...process.env, OTEL_TRACES_EXPORTER: "none", ...environment },
  });
  closeSync(output);
  const url = `http://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGTERM");
      await once(child, "exit");
    }
    await rm(folder, { recursive: true, force: true });
  };
  try {
    if (child.pid === undefined) throw new Error(`${program} could not be started`);
    await untilItAnswers(url, child);
    return { name, url, pid: child.pid, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Our store alone, with all durability on. */
export function startWaybillStore(options: StoreStart = {}): Promise<Peer> {
  const serve = async (folder: string, port: number): Promise<readonly [string, readonly string[]]> => {
    const root = options.root ?? join(folder, "store");
    await mkdir(root, { recursive: true });
    const addresses = ["--http", `127.0.0.1:${port}`, "--metrics", "127.0.0.1:0"];
    return [
      join(repositoryRoot, "bin/waybill"),
      ["store", "serve", "--root", root, ...addresses, ...(options.parameters ?? [])],
    ];
  };
  return start("waybill", serve, options.environment);
}

export interface StoreStart {
  /** A folder that was filled before, and that stays. */
  readonly root?: string;
  readonly parameters?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** Debian's docker-registry (distribution 2.8), as its package configures it, but quiet. It does not sync to disk. */
function startDockerRegistry(): Promise<Peer> {
  return startDistribution("docker-registry 2.8.2", "docker-registry");
}

/**
 * Distribution 3, built from its Go module. It does not sync to disk.
 * @param storage its driver and its settings; a folder of its own when absent
 */
export async function startDistribution3(storage?: object): Promise<Peer> {
  const version = "v3.1.2";
  const tool = await goTool("github.com/distribution/distribution/v3/cmd/registry", version);
  if (tool.missing !== undefined) throw new Error(tool.missing);
  return await startDistribution(`distribution ${version.slice(1)}`, tool.program, storage);
}

function startDistribution(name: string, program: string, storage?: object): Promise<Peer> {
  return start(name, async (folder, port) => {
    const configuration = join(folder, "config.yml");
    await writeFile(
      configuration,
      JSON.stringify({
        version: "0.1",
        log: { level: "error", accesslog: { disabled: true } },
        storage: {
          ...(storage ?? { filesystem: { rootdirectory: join(folder, "data") } }),
          delete: { enabled: true },
          redirect: { disable: true },
        },
        http: { addr: `127.0.0.1:${port}` },
      }),
    );
    return [program, ["serve", configuration]];
  });
}

/** zot, which syncs with `commit`. It is not to be had as a Go module: WAYBILL_BENCH_ZOT names its program. */
function startZot(program: string): Promise<Peer> {
  return start("zot", async (folder, port) => {
    const configuration = join(folder, "config.json");
    await writeFile(
      configuration,
      JSON.stringify({
        distSpecVersion: "1.1.1",
        storage: { rootDirectory: join(folder, "data"), commit: true, gc: false },
        http: { address: "127.0.0.1", port: String(port) },
        log: { level: "error" },
      }),
    );
    return [program, ["serve", configuration]];
  });
}

/** Ours first, then every other that this machine has. What is left out, and why, is printed. */
export async function startPeers(): Promise<{ readonly peers: readonly Peer[]; stop(): Promise<void> }> {
  const zot = process.env["WAYBILL_BENCH_ZOT"];
  if (zot === undefined) console.log("zot is left out: WAYBILL_BENCH_ZOT does not name its program\n");
  // Twice: the first start fills the cache of compiled code, as any use of the program before would have.
  await (await startWaybillStore()).stop();
  const starts = [
    () => startWaybillStore(),
    () => startDockerRegistry(),
    () => startDistribution3(),
    ...(zot === undefined ? [] : [() => startZot(zot)]),
  ];
  const peers: Peer[] = [];
  const stop = async (): Promise<void> => {
    for (const peer of peers) await peer.stop();
  };
  try {
    for (const startPeer of starts) peers.push(await startPeer());
    return { peers, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
