import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { readFile } from "node:fs/promises";

/** Names the cluster that a process belongs to, in the environment of each of its processes. */
export const markVariable = "WAYBILL_CLUSTER";

/** A program that runs until it is ended; what it prints goes to a file. */
export interface Daemon {
  readonly name: string;
  readonly pid: number;
  readonly running: boolean;
  log(): Promise<string>;
  /** Throws with the end of its log when it has ended. */
  check(): Promise<void>;
  /** Resolves when it has ended. Again is no error. */
  end(signal: NodeJS.Signals, patienceMs?: number): Promise<void>;
}

export interface DaemonOptions {
  readonly name: string;
  readonly cluster: string;
  readonly program: string;
  readonly parameters: readonly string[];
  readonly logFile: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Only what a daemon needs, so that a developer's own variables (KUBECONFIG, HTTP_PROXY, GODEBUG) change no test. */
export function environmentOf(cluster: string, extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const system = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  return { PATH: `${process.env["PATH"] ?? ""}:${system}`, HOME: "/nonexistent", [markVariable]: cluster, ...extra };
}

/** Starts it in a session of its own: Ctrl-C in a test's terminal must not end it before the test has cleaned up. */
export function startDaemon(options: DaemonOptions): Daemon {
  const file = openSync(options.logFile, "a");
  let child: ChildProcess;
  try {
    child = spawn(options.program, options.parameters, {
      cwd: "/",
      detached: true,
      env: environmentOf(options.cluster, options.env),
      stdio: ["ignore", file, file],
    });
  } finally {
    closeSync(file);
  }
  let failure: Error | undefined;
  child.once("error", (error) => (failure = error));
  child.unref();
  const running = (): boolean => failure === undefined && child.exitCode === null && child.signalCode === null;
  const log = (): Promise<string> => readFile(options.logFile, "utf8").catch(() => "");
  return {
    name: options.name,
    get pid() {
      return child.pid ?? -1;
    },
    get running() {
      return running();
    },
    log,
    async check() {
      if (running()) return;
      const how = failure?.message ?? `it ended with ${child.exitCode ?? child.signalCode}`;
      throw new Error(`${options.name} does not run: ${how}\n${(await log()).slice(-3000)}`);
    },
    async end(signal, patienceMs = 10_000) {
      if (!running()) return;
      child.ref();
      const gone = once(child, "exit");
      child.kill(signal);
      const forced = setTimeout(() => child.kill("SIGKILL"), patienceMs);
      await gone;
      clearTimeout(forced);
    },
  };
}
