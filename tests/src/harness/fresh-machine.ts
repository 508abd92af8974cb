import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { until } from "./until.ts";

const run = promisify(execFile);
const repository = resolve(import.meta.dirname, "../../..");

export interface Started {
  readonly child: ChildProcess;
  output(): string;
  /** As Ctrl-C does: the whole group of processes is told. Resolves when the command has ended. */
  interrupt(): Promise<number | null>;
}

/** A clone of this checkout, an empty home folder, and a network and a mount table that nobody else uses. */
export interface FreshMachine extends AsyncDisposable {
  readonly clone: string;
  /** Runs a line of shell in the clone to its end; rejects with what it printed when it fails. */
  shell(line: string): Promise<string>;
  start(line: string): Started;
  /** Command lines of the processes that were started here and still run. */
  processes(): Promise<string[]>;
  mounts(): Promise<string[]>;
}

/** The reason why there can be none here, as a sentence. */
export function freshMachineMissing(): string | undefined {
  return process.getuid?.() === 0 ? undefined : "a network namespace of its own needs root";
}

/** Nothing of the test's own npm, Node or home may help. */
function bareEnvironment(home: string): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|NODE_OPTIONS|VITEST|XDG_|WAYBILL_|PULLTRACE_|KUBENOVA_|JWT_|INIT_CWD|MAKE)/.test(name),
  );
  const path = (process.env["PATH"] ?? "").split(":").filter((folder) => !folder.includes("node_modules"));
  return { ...Object.fromEntries(kept), HOME: home, PATH: path.join(":"), NODE_ENV: "" };
}

async function copyOfCheckout(target: string): Promise<void> {
  const { stdout } = await run("git", ["ls-files", "-co", "--exclude-standard", "-z"], {
    cwd: repository,
    maxBuffer: 64 * 1024 * 1024,
  });
  for (const file of stdout.split("\0").filter((name) => name !== "")) {
    await mkdir(dirname(join(target, file)), { recursive: true });
    // A file that was deleted and not yet committed is listed, but not there.
    await cp(join(repository, file), join(target, file)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
    });
  }
}

/**
 * Starts a process that holds the namespaces open, with loopback up and a containerd at its usual place, which is a
 * file system of its own in there.
 */
async function startNamespaces(folder: string): Promise<ChildProcess> {
  const configuration = join(folder, "containerd.toml");
  const state = join(folder, "containerd-state");
  await writeFile(
    configuration,
    [
      "version = 2",
      `root = "${join(folder, "containerd-root")}"`,
      `state = "${state}"`,
      'disabled_plugins = ["io.containerd.grpc.v1.cri"]',
      "[grpc]",
      '  address = "/run/containerd/containerd.sock"',
    ].join("\n"),
  );
  const script = [
    "set -e",
    "ip link set lo up",
    "mkdir -p /run/containerd",
    "mount -t tmpfs none /run/containerd",
    `exec containerd --config ${configuration} >${join(folder, "containerd.log")} 2>&1`,
  ].join("; ");
  const child = spawn("unshare", ["--net", "--mount", "sh", "-c", script], { stdio: "ignore" });
  await until("a containerd in namespaces of its own", async () => {
    if (child.exitCode !== null)
      throw new Error(await readFile(join(folder, "containerd.log"), "utf8").catch(() => "unshare failed"));
    const [ours, theirs] = await Promise.all([readlink("/proc/self/ns/net"), readlink(`/proc/${child.pid}/ns/net`)]);
    if (ours === theirs) return undefined;
    const sockets = await run("nsenter", ["-t", String(child.pid), "-m", "ls", "/run/containerd"]).catch(() => ({
      stdout: "",
    }));
    return sockets.stdout.includes("containerd.sock\n") ? true : undefined;
  });
  return child;
}

export async function freshMachine(): Promise<FreshMachine> {
  const folder = await mkdtemp(join(tmpdir(), "waybill-fresh-"));
  const clone = join(folder, "waybill");
  const home = join(folder, "home");
  await mkdir(home);
  await copyOfCheckout(clone);
  const env = bareEnvironment(home);
  // With the network of this machine, since packages come from outside; everything after it runs without one.
  await run("make", ["setup"], { cwd: clone, env, maxBuffer: 64 * 1024 * 1024 });
  const holder = await startNamespaces(folder);
  const inside = (line: string): [string, string[]] => [
    "nsenter",
    ["-t", String(holder.pid), "-n", "-m", "--wd=" + clone, "bash", "-c", line],
  ];
  const running = new Set<Started>();

  const machine: FreshMachine = {
    clone,
    async shell(line) {
      const [program, parameters] = inside(line);
      const { stdout, stderr } = await run(program, parameters, { cwd: clone, env, maxBuffer: 64 * 1024 * 1024 });
      return stdout + stderr;
    },
    start(line) {
      const [program, parameters] = inside(line);
      let printed = "";
      const child = spawn(program, parameters, { cwd: clone, env, stdio: ["ignore", "pipe", "pipe"], detached: true });
      const keep = (chunk: Buffer): void => void (printed += chunk.toString());
      child.stdout.on("data", keep);
      child.stderr.on("data", keep);
      const started: Started = {
        child,
        output: () => printed,
        async interrupt() {
          if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
            const gone = once(child, "exit");
            process.kill(-child.pid, "SIGINT");
            await gone;
          }
          running.delete(started);
          return child.exitCode;
        },
      };
      running.add(started);
      return started;
    },
    async processes() {
      const found: string[] = [];
      for (const entry of await readdir("/proc")) {
        if (!/^\d+$/.test(entry) || Number(entry) === holder.pid) continue;
        const line = await readFile(`/proc/${entry}/cmdline`, "utf8").catch(() => "");
        if (line.includes(clone)) found.push(line.replaceAll("\0", " ").trim());
      }
      return found;
    },
    async mounts() {
      const table = await readFile(`/proc/${holder.pid}/mounts`, "utf8");
      return table.split("\n").filter((line) => line.includes(clone));
    },
    async [Symbol.asyncDispose]() {
      for (const started of running) await started.interrupt();
      const gone = once(holder, "exit");
      holder.kill("SIGTERM");
      await gone;
      await rm(folder, { recursive: true, force: true });
    },
  };
  return machine;
}
