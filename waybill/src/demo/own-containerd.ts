import { createWriteStream } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, statfs, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { UserError } from "@waybill/foundation/errors";
import { containerdIn, unmountBelow } from "@waybill/pulltrace/own-containerd";
import { findProgram } from "../doctor/index.ts";

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

/** A process that a killed demonstration left: still running, and started with our configuration. */
async function endLeftOver(pidFile: string, config: string): Promise<void> {
  const pid = Number(await readFile(pidFile, "utf8").catch(() => "0"));
  if (!Number.isSafeInteger(pid) || pid <= 1) return;
  const commandOf = (): Promise<string> => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  if (!(await commandOf()).split("\0").includes(config)) return;
  process.kill(pid, "SIGKILL");
  for (let tries = 0; tries < 50 && (await commandOf()) !== ""; tries += 1) await delay(20);
}

/**
 * Starts a containerd whose root, state, socket, log and temporary files are in `folder`, and which the machine's own
 * containerd never meets. Expects that `whyNoContainerd` had nothing to say, and that nobody else uses `folder`.
 * @throws UserError with the end of its log when it does not come up.
 */
export async function startOwnContainerd(folder: string): Promise<OwnContainerd> {
  const pidFile = join(folder, "containerd.pid");
  await endLeftOver(pidFile, join(folder, "config.toml"));
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
  const logFile = createWriteStream(join(folder, "containerd.log"));
  stack.defer(() => new Promise((done) => logFile.end(() => done())));
  const guard = await findProgram("setpriv");
  const daemon = await containerdIn(folder, {
    program: (await findProgram("containerd")) ?? "containerd",
    ctr: (await findProgram("ctr")) ?? "ctr",
    socket,
    environment: { ...process.env, TMPDIR: join(folder, "tmp") },
    ...(guard === undefined ? {} : { guard }),
    // What it says last may come when its log is closed already.
    onOutput: (words) => void (logFile.writableEnded || logFile.write(words)),
  });
  stack.defer(() => daemon.stop());
  try {
    await Promise.all([daemon.start(), writeFile(pidFile, String(daemon.pid ?? 0))]);
  } catch (error) {
    throw new UserError(error instanceof Error ? error.message : String(error));
  }

  // An overlay cannot lie on an overlay, which is what a container's own file system is.
  const snapshotter = (await statfs(folder)).type === overlayFileSystem ? "native" : "overlayfs";
  const running = stack.move();
  return {
    socket,
    version: daemon.version,
    pull: async (reference, signal) => {
      try {
        await daemon.ctr(["images", "pull", "--plain-http", "--snapshotter", snapshotter, reference], { signal });
      } catch (error) {
        signal.throwIfAborted();
        throw new UserError(`containerd could not pull ${reference}: ${lastWords(error)}`);
      }
    },
    forget: async (references) => {
      await daemon.ctr(["images", "remove", "--sync", ...references]);
    },
    close: () => running.disposeAsync(),
  };
}

function lastWords(error: unknown): string {
  return error instanceof Error ? (error.message.split("\n").at(-1) ?? "") : String(error);
}
