import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, statfs, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { UserError } from "@waybill/foundation/errors";
import { findProgram } from "../doctor/index.ts";
import { unmountBelow } from "./mounts.ts";

const run = promisify(execFile);

/** sockaddr_un holds 108 bytes with its end; containerd listens on `<socket>.ttrpc` as well. */
const longestSocketPath = 107 - ".ttrpc".length;
const overlayFileSystem = 0x794c7630;
/** Capability 21 of capabilities(7): without it nothing can be mounted, so no image unpacked. */
const mayMount = 1n << 21n;

export interface OwnContainerd {
  readonly socket: string;
  readonly version: string;
  /** Pulls and unpacks; rejects with containerd's words. */
  pull(reference: string, signal: AbortSignal): Promise<void>;
  /** Forgets images and deletes their content, so that the next pull fetches everything again. */
  forget(references: readonly string[]): Promise<void>;
  /** Ends it; leaves no process, mount or file. */
  close(): Promise<void>;
}

/** Why this user cannot run a containerd here, as half a sentence; undefined when it can. */
export async function whyNoContainerd(): Promise<string | undefined> {
  if (process.platform !== "linux") return "containerd runs on Linux only";
  if (process.getuid?.() !== 0) return "it needs root (sudo make up)";
  for (const program of ["containerd", "ctr"]) {
    if ((await findProgram(program)) === undefined) return `${program} is not installed (apt-get install containerd)`;
  }
  const status = await readFile("/proc/self/status", "utf8");
  const capabilities = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0"}`);
  return (capabilities & mayMount) === 0n ? "this container may not mount (it lacks CAP_SYS_ADMIN)" : undefined;
}

function configuration(folder: string, socket: string, version: string): string {
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

/** A process that a killed demonstration left: still running, and started with our configuration. */
async function endLeftOver(pidFile: string, config: string): Promise<void> {
  const pid = Number(await readFile(pidFile, "utf8").catch(() => "0"));
  if (!Number.isSafeInteger(pid) || pid <= 1) return;
  const commandOf = (): Promise<string> => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  if (!(await commandOf()).split("\0").includes(config)) return;
  process.kill(pid, "SIGKILL");
  for (let tries = 0; tries < 50 && (await commandOf()) !== ""; tries += 1) await delay(20);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const gone = once(child, "exit");
  child.kill("SIGTERM");
  const forced = setTimeout(() => child.kill("SIGKILL"), 5000);
  await gone;
  clearTimeout(forced);
}

/** Runs ctr to its end. Its progress is dropped (it prints without end); its last words are the error. */
async function runClient(ctr: string, parameters: readonly string[], signal?: AbortSignal): Promise<void> {
  const child = spawn(ctr, parameters, {
    stdio: ["ignore", "ignore", "pipe"],
    ...(signal === undefined ? {} : { signal }),
  });
  let words = "";
  child.stderr.on("data", (chunk: Buffer) => {
    words = (words + chunk.toString()).slice(-2000);
  });
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new Error(words.trim().split("\n").at(-1) ?? `ctr ended with ${code}`);
}

/**
 * Starts a containerd whose root, state, socket, log and temporary files are in `folder`, and which the machine's own
 * containerd never meets. Expects that `whyNoContainerd` had nothing to say, and that nobody else uses `folder`.
 * @throws UserError with the end of its log when it does not come up.
 */
export async function startOwnContainerd(folder: string): Promise<OwnContainerd> {
  const daemon = (await findProgram("containerd")) ?? "containerd";
  const ctr = (await findProgram("ctr")) ?? "ctr";
  const config = join(folder, "config.toml");
  const pidFile = join(folder, "containerd.pid");
  await endLeftOver(pidFile, config);
  await unmountBelow(folder);
  const oldSockets = await readFile(join(folder, "sockets"), "utf8").catch(() => undefined);
  if (oldSockets?.startsWith(join(tmpdir(), "waybill-")) === true)
    await rm(oldSockets, { recursive: true, force: true });
  await rm(folder, { recursive: true, force: true });
  await mkdir(join(folder, "tmp"), { recursive: true, mode: 0o700 });

  await using stack = new AsyncDisposableStack();
  stack.defer(async () => {
    await unmountBelow(folder);
    await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  });

  let socket = join(folder, "containerd.sock");
  if (Buffer.byteLength(socket) > longestSocketPath) {
    const sockets = await mkdtemp(join(tmpdir(), "waybill-"));
    stack.defer(() => rm(sockets, { recursive: true, force: true }));
    await writeFile(join(folder, "sockets"), sockets);
    socket = join(sockets, "containerd.sock");
  }
  const { stdout } = await run(daemon, ["--version"]);
  const version = /\bv?(\d+\.\d+\.\d+)/.exec(stdout)?.[1] ?? "1.6.0";
  await writeFile(config, configuration(folder, socket, version));

  // Should this process be killed, the kernel ends containerd (prctl PR_SET_PDEATHSIG); a group of its own keeps Ctrl-C
  // from reaching it before its pulls are over.
  const setpriv = await findProgram("setpriv");
  const command = [...(setpriv === undefined ? [] : [setpriv, "--pdeathsig", "KILL"]), daemon, "--config", config];
  const child = spawn(command[0] ?? daemon, command.slice(1), {
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, TMPDIR: join(folder, "tmp") },
  });
  stack.defer(() => end(child));
  const logFile = createWriteStream(join(folder, "containerd.log"));
  let words = "";
  const keep = (chunk: Buffer): void => {
    words = (words + chunk.toString()).slice(-2000);
    logFile.write(chunk);
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  child.once("error", (error) => keep(Buffer.from(String(error))));
  child.once("exit", () => logFile.end());
  if (child.pid !== undefined) await writeFile(pidFile, String(child.pid));

  const call = (parameters: readonly string[], signal?: AbortSignal): Promise<void> =>
    runClient(ctr, ["--address", socket, ...parameters], signal);
  for (let tries = 0; ; tries += 1) {
    const answered = await call(["version"]).then(
      () => true,
      () => false,
    );
    if (answered) break;
    if (child.exitCode !== null || child.signalCode !== null || tries === 150) {
      throw new UserError(`containerd did not start: ${words.trim().split("\n").slice(-3).join("\n")}`);
    }
    await delay(100);
  }

  // An overlay cannot lie on an overlay, which is what a container's own file system is.
  const snapshotter = (await statfs(folder)).type === overlayFileSystem ? "native" : "overlayfs";
  const running = stack.move();
  return {
    socket,
    version,
    pull: async (reference, signal) => {
      try {
        await call(["images", "pull", "--plain-http", "--snapshotter", snapshotter, reference], signal);
      } catch (error) {
        signal.throwIfAborted();
        throw new UserError(`containerd could not pull ${reference}: ${error instanceof Error ? error.message : ""}`);
      }
    },
    forget: async (references) => {
      await call(["images", "remove", "--sync", ...references]);
    },
    close: () => running.disposeAsync(),
  };
}
