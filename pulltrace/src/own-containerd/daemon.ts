import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";

const run = promisify(execFile);

/** How long a daemon has until it answers, and until it is killed when it was asked to end. */
const startMs = 30_000;
const endMs = 10_000;
/** Of a client's words, and of the daemon's for an error. */
const keptCharacters = 16 * 1024 * 1024;
const keptWords = 20_000;

export interface DaemonOptions {
  /** Path or name of containerd and of its client. */
  readonly program: string;
  readonly ctr: string;
  /** Path of the socket; `containerd.sock` in the folder when left out. */
  readonly socket?: string;
  readonly environment?: NodeJS.ProcessEnv;
  /**
   * Path of setpriv(1): the kernel then ends the daemon when this process dies (prctl PR_SET_PDEATHSIG), and a process
   * group of its own keeps a Ctrl-C from it.
   */
  readonly guard?: string;
  /** Gets what the daemon prints. */
  readonly onOutput?: (words: Buffer) => void;
}

export interface ContainerdDaemon {
  readonly socket: string;
  readonly root: string;
  /** Such as `2.2.9`. */
  readonly version: string;
  /** File that it was started with: a process that has it on its command line is this daemon. */
  readonly configuration: string;
  /** Undefined while it does not run. */
  readonly pid: number | undefined;
  /** Returns when it answers; rejects with the end of its words when it does not. */
  start(): Promise<void>;
  /** Returns when the process is gone. Does nothing when none runs. */
  stop(signal?: "SIGTERM" | "SIGKILL"): Promise<void>;
  /** Runs the client to its end and returns what it printed; rejects with the end of its words when it fails. */
  ctr(parameters: readonly string[], options?: { namespace?: string; signal?: AbortSignal }): Promise<string>;
}

/** Writes the configuration of a daemon that keeps everything in `folder`, and starts nothing yet. */
export async function containerdIn(folder: string, options: DaemonOptions): Promise<ContainerdDaemon> {
  const { program, guard } = options;
  const socket = options.socket ?? join(folder, "containerd.sock");
  const configuration = join(folder, "config.toml");
  const { stdout } = await run(program, ["--version"]);
  const version = /\bv?(\d+\.\d+\.\d+)/.exec(stdout)?.[1] ?? "1.6.0";
  await writeFile(configuration, configurationOf(folder, socket, version));
  let daemon: ChildProcess | undefined;

  const ctr: ContainerdDaemon["ctr"] = async (parameters, how = {}) => {
    const namespace = ["--namespace", how.namespace ?? "default"];
    const child = spawn(options.ctr, ["--address", socket, ...namespace, ...parameters], {
      stdio: ["ignore", "pipe", "pipe"],
      ...(how.signal === undefined ? {} : { signal: how.signal }),
    });
    const printed = keepEnd(child.stdout, keptCharacters);
    const words = keepEnd(child.stderr, keptWords);
    const [code] = (await once(child, "close")) as [number | null];
    if (code !== 0) throw new Error(words().trim() || `ctr ${parameters[0] ?? ""} ended with ${code}`);
    return printed();
  };

  const answers = () =>
    ctr(["version"]).then(
      () => true,
      () => false,
    );
  return {
    socket,
    root: join(folder, "root"),
    version,
    configuration,
    get pid() {
      return daemon?.pid;
    },
    ctr,
    async start() {
      const command = [...(guard === undefined ? [] : [guard, "--pdeathsig", "KILL"]), program];
      const child = spawn(command[0] ?? program, [...command.slice(1), "--config", configuration], {
        stdio: ["ignore", "pipe", "pipe"],
        detached: guard !== undefined,
        env: options.environment ?? process.env,
      });
      daemon = child;
      let words = "";
      const keep = (chunk: Buffer) => {
        words = (words + chunk.toString()).slice(-keptWords);
        options.onOutput?.(chunk);
      };
      child.stdout.on("data", keep);
      child.stderr.on("data", keep);
      child.on("error", (error) => keep(Buffer.from(`${String(error)}\n`)));
      const end = performance.now() + startMs;
      while (performance.now() < end && isRunning(child)) {
        if (existsSync(socket) && (await answers())) return;
        await delay(50);
      }
      throw new Error(`containerd did not start: ${words.trim().split("\n").slice(-3).join("\n")}`);
    },
    async stop(signal = "SIGTERM") {
      const child = daemon;
      daemon = undefined;
      if (child === undefined || !isRunning(child)) return;
      const gone = once(child, "exit");
      child.kill(signal);
      const forced = setTimeout(() => child.kill("SIGKILL"), endMs);
      await gone;
      clearTimeout(forced);
    },
  };
}

function isRunning(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}

/** The last characters that a stream brought so far. */
function keepEnd(stream: NodeJS.ReadableStream, characters: number): () => string {
  let end = "";
  stream.on("data", (chunk: Buffer) => {
    end = (end + chunk.toString()).slice(-characters);
  });
  return () => end;
}

function configurationOf(folder: string, socket: string, version: string): string {
  const modern = Number(version.split(".")[0]) >= 2;
  const cri = modern ? ["io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime"] : [];
  return [
    `version = ${modern ? 3 : 2}`,
    `root = ${JSON.stringify(join(folder, "root"))}`,
    `state = ${JSON.stringify(join(folder, "state"))}`,
    // No kubelet talks to it; `opt` would make a folder in /opt.
    `disabled_plugins = ${JSON.stringify([...cri, "io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"])}`,
    "[grpc]",
    `  address = ${JSON.stringify(socket)}`,
    "",
  ].join("\n");
}
