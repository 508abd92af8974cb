import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { containerdIn, unmountBelow } from "../own-containerd/index.ts";

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
    rootLimitBytes?: number;
  } = {},
): Promise<RunningContainerd> {
  const ctrProgram = options.ctr ?? "ctr";
  const snapshotter = options.snapshotter ?? "overlayfs";
  const folder = await mkdtemp(join(tmpdir(), "waybill-containerd-"));
  const hosts = join(folder, "hosts");
  await mkdir(hosts);
  if (options.rootLimitBytes !== undefined) {
    await mkdir(join(folder, "root"));
    await run("mount", ["-t", "tmpfs", "-o", `size=${options.rootLimitBytes}`, "tmpfs", join(folder, "root")]);
  }
  const daemon = await containerdIn(folder, { program: options.program ?? "containerd", ctr: ctrProgram });
  const { socket, version } = daemon;
  const pulls = new Set<RunningPull>();
  const close = async () => {
    for (const pull of pulls) pull.abort("SIGKILL");
    await Promise.all([...pulls].map((pull) => pull.finished));
    await daemon.stop();
    await unmountBelow(folder);
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  };

  try {
    await daemon.start();
    return {
      socket,
      root: daemon.root,
      version,
      get pid() {
        return daemon.pid ?? -1;
      },
      ctr: (args, how) => daemon.ctr(args, how),
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
        const printed = await daemon.ctr(["images", "list", "-q"], namespace === undefined ? {} : { namespace });
        return printed.split("\n").filter((line) => line !== "");
      },
      async restart(signal) {
        await daemon.stop(signal);
        await daemon.start();
      },
      stop: (signal) => daemon.stop(signal),
      start: () => daemon.start(),
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

function onPath(program: string): boolean {
  return (process.env["PATH"] ?? "").split(":").some((folder) => existsSync(join(folder, program)));
}
