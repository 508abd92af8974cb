import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { freePort } from "@waybill/foundation/testing";
import { until } from "./until.ts";

const root = resolve(import.meta.dirname, "../../..");
export const launcher: string = join(root, "bin/waybill");

export interface RunningWaybill {
  readonly url: string;
  readonly metricsUrl: string;
  /** Changes with `restart`. */
  readonly pid: number;
  /** Everything printed so far, both streams, over all restarts. */
  output(): string;
  /** The first line that holds `text` or matches, from the beginning of the output. */
  waitForLine(text: string | RegExp): Promise<string>;
  /** Most memory that the process has had, in bytes (VmHWM). */
  peakMemory(): Promise<number>;
  /** Sends a signal and waits for the end; the exit code, null when the signal killed it. */
  kill(signal: NodeJS.Signals): Promise<number | null>;
  /** Starts it again, after a kill or by ending it first, at the same addresses and on the same data. */
  restart(signal?: NodeJS.Signals): Promise<void>;
  /** Ends it and removes the data folder that this harness made. */
  close(): Promise<void>;
}

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Only what a process needs, so that a developer's own variables change no test. */
function cleanEnvironment(extra: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR } = process.env;
  return { ...(PATH && { PATH }), ...(HOME && { HOME }), ...(TMPDIR && { TMPDIR }), NO_COLOR: "1", ...extra };
}

/** Runs a command of the command line to its end. */
export async function runWaybill(
  parameters: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  options: { readonly cwd?: string } = {},
): Promise<CommandResult> {
  const child = spawn(launcher, parameters, {
    stdio: ["ignore", "pipe", "pipe"],
    env: cleanEnvironment(environment),
    ...options,
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout, stderr };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) {
    const gone = once(child, "exit");
    child.kill(signal);
    await gone;
  }
  return child.exitCode;
}

/** Where it can be started again, too. */
const freeAddress = async (): Promise<string> => `127.0.0.1:${await freePort()}`;

/**
 * Starts Waybill as a process of its own, on free ports, and waits until it is ready. `parameters` are flags of
 * `waybill up`, or another command that serves with its flags (`["store", "serve", "--http", "127.0.0.1:0", …]`).
 * Without `--data`, `waybill up` gets a temporary folder.
 */
export async function startWaybill(
  parameters: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
): Promise<RunningWaybill> {
  const other = parameters[0] !== undefined && !parameters[0].startsWith("-");
  const ownFolder = other || parameters.includes("--data") ? undefined : await mkdtemp(join(tmpdir(), "waybill-up-"));
  const command = [
    ...(other ? [] : ["up", "--no-agent", "--http", await freeAddress(), "--metrics", await freeAddress()]),
    ...(ownFolder === undefined ? [] : ["--data", ownFolder]),
    ...parameters,
  ];
  let printed = "";
  let child: ChildProcess;
  let url = "";
  let metricsUrl = "";

  async function start(extra: readonly string[]): Promise<void> {
    const before = printed.length;
    const started = spawn(launcher, [...command, ...extra], {
      stdio: ["ignore", "pipe", "pipe"],
      env: cleanEnvironment(environment),
    });
    child = started;
    const keep = (chunk: Buffer): void => {
      printed += chunk.toString();
    };
    started.stdout.on("data", keep);
    started.stderr.on("data", keep);
    const ready = await until("waybill is ready", () => {
      if (started.exitCode !== null || started.signalCode !== null) {
        throw new Error(`waybill ended with ${started.exitCode ?? started.signalCode}:\n${printed.slice(before)}`);
      }
      return printed
        .slice(before)
        .split("\n")
        .find((line) => line.includes('"msg":"ready"') && line.endsWith("}"));
    });
    const facts = JSON.parse(ready) as { readonly url: string; readonly metrics: string };
    url = facts.url;
    metricsUrl = facts.metrics;
  }

  await start([]);
  return {
    get url() {
      return url;
    },
    get metricsUrl() {
      return metricsUrl;
    },
    get pid() {
      return child.pid ?? -1;
    },
    output: () => printed,
    waitForLine: (text) =>
      until(
        `a line with ${text}`,
        () => printed.split("\n").find((line) => (typeof text === "string" ? line.includes(text) : text.test(line))),
        { state: () => printed.slice(-10_000) },
      ),
    async peakMemory() {
      const status = await readFile(`/proc/${child.pid}/status`, "utf8");
      return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
    },
    kill: (signal) => end(child, signal),
    async restart(signal = "SIGTERM") {
      await end(child, signal);
      const address = (from: string): string => new URL(from).host;
      await start(other ? [] : ["--http", address(url), "--metrics", address(metricsUrl)]);
    },
    async close() {
      await end(child, "SIGTERM");
      if (ownFolder !== undefined) await rm(ownFolder, { recursive: true, force: true });
    },
  };
}
