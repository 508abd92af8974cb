import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** Who runs the server: nobody else when we are an ordinary user, an unprivileged account when we are root. */
export interface Account {
  readonly uid?: number;
  readonly gid?: number;
}

const execute = promisify(execFile);

/** PostgreSQL refuses to run as root. Every Unix has `nobody`; no account is added to the machine. */
export async function serverAccount(): Promise<Account> {
  if (process.getuid?.() !== 0) return {};
  const [uid, gid] = await Promise.all(["-u", "-g"].map(async (flag) => Number(await run("id", [flag, "nobody"], {}))));
  if (uid === undefined || gid === undefined) throw new Error("There is no account `nobody` on this machine.");
  return { uid, gid };
}

/** Runs a program to its end and gives its output; what it said on standard error is in the error. */
export async function run(program: string, args: readonly string[], account: Account): Promise<string> {
  const { stdout } = await execute(program, [...args], {
    ...account,
    cwd: "/",
    env: { PATH: process.env["PATH"], LC_ALL: "C", TZ: "UTC" },
  });
  return stdout.trim();
}
