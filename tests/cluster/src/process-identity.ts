import { readFile } from "node:fs/promises";

/** A process that cannot be mistaken for a later one of the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in clock ticks since the machine did (proc(5), `/proc/pid/stat`, field 22). */
  readonly startedAt: string;
  /** The machine's start: the same number after a reboot is another process. */
  readonly bootId: string;
}

async function startOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  // The name in parentheses may hold anything, blanks and parentheses as well: fields are counted behind its end.
  const [state, ...rest] = stat?.slice(stat.lastIndexOf(")") + 2).split(" ") ?? [];
  return state === undefined || state === "Z" || state === "X" ? undefined : rest[18];
}

async function boot(): Promise<string> {
  return (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
}

/** Throws when there is no such process. */
export async function identityOf(pid: number): Promise<ProcessIdentity> {
  const startedAt = await startOf(pid);
  if (startedAt === undefined) throw new Error(`there is no process ${pid}`);
  return { pid, startedAt, bootId: await boot() };
}

/** Dead as soon as it has ended, also while nobody has asked for its exit code. */
export async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  return (await startOf(identity.pid)) === identity.startedAt && (await boot()) === identity.bootId;
}
