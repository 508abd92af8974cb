import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { cache, folderOf, sourceOf } from "./cache.ts";
import { withLock } from "./lock.ts";
import { type GoModule, modules } from "./modules.ts";

const run = promisify(execFile);
const oldestGo = [1, 25] as const;
const progressEveryMs = 10_000;
/** Of a failed build: the compiler's words stand at the end. */
const shownLines = 60;

/**
 * Builds what is not in the cache yet, at the lowest priority. Downloads and compiled packages of Kubernetes (9 GB)
 * stand in a folder that is removed in the end; the programs stay. Rejects with the compiler's words.
 * @param signal ends the compiler, too, and removes what was begun
 * @param goCache a folder for Go's own caches that is kept, for who works on these programs
 */
export async function buildPrograms(
  say: (line: string) => void,
  goCache: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  await mkdir(cache, { recursive: true });
  for (const module of modules) {
    const folder = await folderOf(module);
    if (existsSync(folder)) continue;
    await withLock(
      `${folder}.lock`,
      (pid) => say(`${module.name}: process ${pid} is building it; waiting`),
      async () => {
        if (existsSync(folder)) return;
        await buildModule(module, folder, say, goCache, signal);
      },
    );
  }
}

async function buildModule(
  module: GoModule,
  folder: string,
  say: (line: string) => void,
  goCache: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  await checkGo();
  // Left by builds of this module that were killed: the lock says that none runs.
  for (const name of await readdir(cache)) {
    if (name.startsWith(`${module.name}-`) && name.endsWith(".building")) await remove(join(cache, name));
  }
  const work = `${folder}.building`;
  const kept = goCache ?? (module.inUsersCache ? undefined : work);
  const temporary = join(work, "temporary");
  const output = join(work, "output");
  await mkdir(temporary, { recursive: true });
  await mkdir(output, { recursive: true });
  const env = {
    ...process.env,
    CGO_ENABLED: "0",
    GOTOOLCHAIN: "local",
    GOFLAGS: "-mod=readonly -modcacherw -buildvcs=false",
    GOWORK: "off",
    GOOS: "",
    GOARCH: "",
    GOTMPDIR: temporary,
    ...(kept === undefined ? {} : { GOCACHE: join(kept, "build"), GOMODCACHE: join(kept, "mod") }),
  };
  try {
    const packages = module.programs.map((program) => program.package);
    say(`${module.name}: fetching the modules of go.mod`);
    const started = performance.now();
    const total = await countPackages(sourceOf(module), packages, env, signal);
    let compiled = 0;
    const progress = (): void => {
      const seconds = Math.round((performance.now() - started) / 1000);
      const left = total === 0 ? "" : ` of ${total}`;
      say(`${module.name}: ${compiled}${left} packages compiled, ${Math.floor(seconds / 60)} min ${seconds % 60} s`);
    };
    const timer = setInterval(progress, progressEveryMs);
    try {
      for (const program of module.programs) {
        // What the linker leaves out is not compiled either: a fifth less time.
        const flags = ["-trimpath", "-gcflags=all=-dwarf=false", "-ldflags", program.linkerFlags.join(" ")];
        const parameters = ["build", "-v", ...flags];
        if (program.tags !== undefined) parameters.push("-tags", program.tags.join(","));
        parameters.push("-o", join(output, program.name), program.package);
        await go(parameters, { cwd: sourceOf(module), env, signal }, () => {
          compiled += 1;
        });
      }
    } finally {
      clearInterval(timer);
    }
    progress();
    await rename(output, folder);
  } finally {
    await remove(work);
  }
  for (const name of await readdir(cache)) {
    const older = name.startsWith(`${module.name}-`) && !name.includes(".") && join(cache, name) !== folder;
    if (older) await remove(join(cache, name));
  }
}

async function remove(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 3 });
}

async function checkGo(): Promise<void> {
  const advice = `install Go ${oldestGo.join(".")} or newer from https://go.dev/dl/, or name a folder with ready programs in WAYBILL_CLUSTER_ASSETS`;
  const found = await run("go", ["env", "GOVERSION"]).catch(() => undefined);
  if (found === undefined) throw new Error(`the cluster's programs are built with Go, which is not there: ${advice}`);
  const [, major, minor] = /^go(\d+)\.(\d+)/.exec(found.stdout.trim()) ?? [];
  if (Number(major) * 1000 + Number(minor) < oldestGo[0] * 1000 + oldestGo[1])
    throw new Error(`${found.stdout.trim()} is too old to build Kubernetes: ${advice}`);
}

/** How many packages there are to compile, which also downloads them. */
async function countPackages(
  cwd: string,
  packages: readonly string[],
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<number> {
  const listed = run("go", ["list", "-deps", ...packages], { cwd, env, signal, maxBuffer: 64 * 1024 * 1024 });
  const { stdout } = await listed.catch((error: { stderr?: string; message: string }) => {
    signal.throwIfAborted();
    const said = error.stderr?.trim().split("\n").slice(-5).join("\n") ?? error.message;
    throw new Error(
      `the Go modules could not be fetched; without the network name a folder with ready programs in WAYBILL_CLUSTER_ASSETS\n${said}`,
    );
  });
  return stdout.split("\n").length - 1;
}

/** `go build -v` prints one line for each package that it compiles. */
function go(
  parameters: readonly string[],
  { signal, ...options }: { readonly cwd: string; readonly env: NodeJS.ProcessEnv; readonly signal: AbortSignal },
  onPackage: () => void,
): Promise<void> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const child = spawn("nice", ["-n", "19", "go", ...parameters], { ...options, stdio: ["ignore", "ignore", "pipe"] });
    const end = (): void => void child.kill("SIGTERM");
    signal.addEventListener("abort", end, { once: true });
    const last: string[] = [];
    createInterface({ input: child.stderr }).on("line", (line) => {
      onPackage();
      last.push(line);
      if (last.length > shownLines) last.shift();
    });
    child.once("error", reject);
    child.once("close", (code, endedBy) => {
      signal.removeEventListener("abort", end);
      if (code === 0) resolve();
      else if (signal.aborted) reject(signal.reason);
      else reject(new Error(`go ${parameters.join(" ")} ended with ${code ?? endedBy}:\n${last.join("\n")}`));
    });
  });
}
