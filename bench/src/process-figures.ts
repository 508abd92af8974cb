import { readFile } from "node:fs/promises";

/** What the kernel knows of a running process (proc(5)). */
export interface ProcessFigures {
  /** Resident now, in MiB. */
  readonly residentMiB: number;
  /** The most that was ever resident, in MiB. */
  readonly peakMiB: number;
  /** User and system time since its start, in seconds. */
  readonly cpuSeconds: number;
}

/** Clock ticks per second of /proc/PID/stat; 100 on every Linux that Node runs on. */
const ticksPerSecond = 100;

function mebibytes(status: string, field: string): number {
  const kibibytes = new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(status)?.[1];
  if (kibibytes === undefined) throw new Error(`/proc status has no ${field}`);
  return Number(kibibytes) / 1024;
}

export async function processFigures(pid: number): Promise<ProcessFigures> {
  const [status, stat] = await Promise.all([
    readFile(`/proc/${pid}/status`, "utf8"),
    readFile(`/proc/${pid}/stat`, "utf8"),
  ]);
  // The second field is the command in parentheses and may hold blanks: count from behind it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return {
    residentMiB: mebibytes(status, "VmRSS"),
    peakMiB: mebibytes(status, "VmHWM"),
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond,
  };
}
