import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface PullOptions {
  /** containerd namespace; `default` when left out. */
  readonly namespace?: string;
  /** Layers at a time; containerd's own choice (all) when left out. */
  readonly maxConcurrentDownloads?: number;
  /** The client fetches, as it always does with 1.6; without it containerd 2.x does (its transfer service). */
  readonly clientFetches?: boolean;
}

/** A `ctr images pull` that runs. */
export interface RunningPull {
  readonly ref: string;
  readonly pid: number;
  /** Ends when ctr ends. `code` is null when a signal ended it. */
  readonly finished: Promise<{ code: number | null; signal: NodeJS.Signals | null; output: string }>;
  abort(signal?: "SIGINT" | "SIGKILL" | "SIGTERM"): void;
}

export interface RunningContainerd {
  readonly socket: string;
  readonly root: string;
  readonly pid: number;
  readonly version: string;
  pull(ref: string, options?: PullOptions): RunningPull;
  /** Runs `ctr` to its end and returns what it printed; rejects with its words when it fails. */
  ctr(args: readonly string[], options?: { namespace?: string }): Promise<string>;
  /** Pulls of `name/…` go to this address (`http://127.0.0.1:5000`), as a mirror in hosts.toml does it. */
  serveHost(name: string, url: string): Promise<void>;
  /** Names of the images of a namespace. */
  images(namespace?: string): Promise<string[]>;
  /** Ends the daemon (SIGTERM, or what is said) and starts it again on the same root, state and socket. */
  restart(signal?: "SIGTERM" | "SIGKILL"): Promise<void>;
  stop(signal?: "SIGTERM" | "SIGKILL"): Promise<void>;
  start(): Promise<void>;
  /** Ends pulls and daemon, unmounts what it mounted, removes its folder. */
  close(): Promise<void>;
}

/** The reason why no containerd can be started here, as a sentence; undefined when one can. */
export function containerdMissing(): string | undefined {
  if (process.getuid?.() !== 0) return "containerd needs root";
  if (!onPath("containerd") || !onPath("ctr"))
    return "containerd is not installed (Debian: apt-get install containerd)";
  return undefined;
}

/**
 * Starts a containerd of its own: root, state and socket stand in a temp folder, the CRI plugin is off, nothing of the
 * machine's own containerd is touched. Runs as root. `program` and `ctr` choose another version than the one on PATH;
 * `snapshotter` defaults to overlayfs. With `rootLimitBytes` its root is a memory disk of that size.
 */
export async function startContainerd(
  options: {
    program?: string;
    ctr?: string;
    snapshotter?: "overlayfs" | "native";
    configVersion?: 2 | 3;
    rootLimitBytes?: number;
  } = {},
): Promise<RunningContainerd> {
  const program = options.program ?? "containerd";
  const ctrProgram = options.ctr ?? "ctr";
  const snapshotter = options.snapshotter ?? "overlayfs";
  const folder = await mkdtemp(join(tmpdir(), "waybill-containerd-"));
  const socket = join(folder, "containerd.sock");
  const hosts = join(folder, "hosts");
  const config = join(folder, "config.toml");
  await mkdir(hosts);
  if (options.rootLimitBytes !== undefined) {
    await mkdir(join(folder, "root"));
    await run("mount", ["-t", "tmpfs", "-o", `size=${options.rootLimitBytes}`, "tmpfs", join(folder, "root")]);
  }
  await writeFile(config, configuration(folder, socket, options.configVersion ?? 2));
  const pulls = new Set<RunningPull>();
  let daemon: ChildProcess | undefined;
  let log = "";

  const ctr = async (args: readonly string[], how: { namespace?: string } = {}) => {
    const { stdout } = await run(ctrProgram, ["-a", socket, "-n", how.namespace ?? "default", ...args], {
      maxBuffer: 16 * 1024 * 1024,
    });
    return stdout;
  };
  const start = async () => {
    const child = spawn(program, ["--config", config], { stdio: ["ignore", "pipe", "pipe"] });
    daemon = child;
    log = "";
    const keep = (chunk: Buffer) => {
      log = (log + chunk.toString()).slice(-20_000);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    child.on("error", keep);
    for (let attempt = 0; attempt < 200; attempt += 1) {
      if (child.exitCode !== null) break;
      if (existsSync(socket) && (await answers(() => ctr(["version"])))) return;
      await delay(50);
    }
    throw new Error(`containerd did not start:\n${log}`);
  };
  const stop = async (signal: "SIGTERM" | "SIGKILL" = "SIGTERM") => {
    const child = daemon;
    daemon = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill(signal);
    const forced = setTimeout(() => child.kill("SIGKILL"), 10_000);
    await gone;
    clearTimeout(forced);
  };
  const close = async () => {
    for (const pull of pulls) pull.abort("SIGKILL");
    await Promise.all([...pulls].map((pull) => pull.finished));
    await stop();
    await unmountUnder(folder);
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  };

  try {
    await start();
    const version = /Version:\s*v?(\S+)/.exec((await ctr(["version"])).split("Server:")[1] ?? "")?.[1] ?? "unknown";
    return {
      socket,
      root: join(folder, "root"),
      version,
      get pid() {
        return daemon?.pid ?? -1;
      },
      ctr,
      pull(ref, how = {}) {
        const args = ["-a", socket, "-n", how.namespace ?? "default", "images", "pull", "--plain-http"];
        args.push("--hosts-dir", hosts, "--snapshotter", snapshotter);
        // containerd 2.x, when it fetches itself, takes the number from its own configuration.
        if (how.maxConcurrentDownloads !== undefined && (version.startsWith("1.") || how.clientFetches === true)) {
          args.push("--max-concurrent-downloads", String(how.maxConcurrentDownloads));
        }
        if (how.clientFetches === true) args.push("--local");
        const pull = runningPull(ref, spawn(ctrProgram, [...args, ref], { stdio: ["ignore", "pipe", "pipe"] }));
        pulls.add(pull);
        void pull.finished.then(() => pulls.delete(pull));
        return pull;
      },
      async serveHost(name, url) {
        await mkdir(join(hosts, name), { recursive: true });
        const capabilities = 'capabilities = ["pull", "resolve"]';
        await writeFile(
          join(hosts, name, "hosts.toml"),
          `server = ${JSON.stringify(url)}\n[host.${JSON.stringify(url)}]\n  ${capabilities}\n`,
        );
      },
      async images(namespace) {
        const printed = await ctr(["images", "list", "-q"], namespace === undefined ? {} : { namespace });
        return printed.split("\n").filter((line) => line !== "");
      },
      async restart(signal) {
        await stop(signal);
        await start();
      },
      stop,
      start,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function runningPull(ref: string, child: ChildProcess): RunningPull {
  let output = "";
  const keep = (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-20_000);
  };
  child.stdout?.on("data", keep);
  child.stderr?.on("data", keep);
  const finished = new Promise<{ code: number | null; signal: NodeJS.Signals | null; output: string }>((resolve) => {
    child.once("error", (error) => resolve({ code: 127, signal: null, output: String(error) }));
    child.once("close", (code, signal) => resolve({ code, signal, output }));
  });
  return {
    ref,
    pid: child.pid ?? -1,
    finished,
    abort(signal = "SIGINT") {
      child.kill(signal);
    },
  };
}

function configuration(folder: string, socket: string, version: 2 | 3): string {
  const disabled =
    version === 2
      ? ["io.containerd.grpc.v1.cri"]
      : ["io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime", "io.containerd.grpc.v1.cri"];
  return [
    `version = ${version}`,
    `root = ${JSON.stringify(join(folder, "root"))}`,
    `state = ${JSON.stringify(join(folder, "state"))}`,
    `disabled_plugins = ${JSON.stringify([...disabled, "io.containerd.internal.v1.opt"])}`,
    "[grpc]",
    `  address = ${JSON.stringify(socket)}`,
    "[debug]",
    '  level = "info"',
    "",
  ].join("\n");
}

/** containerd leaves the mounts of an unpack that was killed; nothing may stay behind. */
async function unmountUnder(folder: string): Promise<void> {
  const mounts = (await readFile("/proc/self/mounts", "utf8"))
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "")
    .filter((path) => path.startsWith(`${folder}/`));
  for (const path of mounts.reverse()) await run("umount", ["-l", path]).catch(() => undefined);
}

async function answers(ask: () => Promise<unknown>): Promise<boolean> {
  try {
    await ask();
    return true;
  } catch {
    return false;
  }
}

function onPath(program: string): boolean {
  return (process.env["PATH"] ?? "").split(":").some((folder) => existsSync(join(folder, program)));
}
