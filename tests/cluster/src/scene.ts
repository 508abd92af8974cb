import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type AddressPlan, planAddresses } from "./addresses.ts";
import { cleanUpDead } from "./clean-up.ts";
import { type Daemon, startDaemon } from "./daemon.ts";
import { claimIdentity, type Identity } from "./identity.ts";
import { type Keeper, startKeeper } from "./keep.ts";
import { findPrograms, type ProgramName } from "./programs/index.ts";

/** What all parts of one cluster share. */
export interface Scene {
  readonly identity: Identity;
  readonly plan: AddressPlan;
  readonly keeper: Keeper;
  readonly programs: Readonly<Record<ProgramName, string>>;
  readonly say: (line: string) => void;
  /** Path of a file or folder in the cluster's state. */
  path(...parts: readonly string[]): string;
  /** Runs a program until it is ended; its output goes to `log/NAME.log`. */
  start(name: string, program: string, parameters: readonly string[], env?: Readonly<Record<string, string>>): Daemon;
}

/**
 * Takes an id and whoever cleans up after it. Before that, what dead runs have left is taken away.
 * @param onProgress gets each step, with the seconds since the start
 */
export async function setScene(onProgress: ((line: string) => void) | undefined): Promise<Scene> {
  const started = performance.now();
  const say = (line: string): void =>
    onProgress?.(`${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s  ${line}`);
  const found = await findPrograms();
  if (found.missing !== undefined) throw new Error(found.missing);
  await cleanUpDead(say);
  const identity = await claimIdentity();
  const path = (...parts: readonly string[]): string => join(identity.state, ...parts);
  const programs = found.paths;
  return {
    identity,
    plan: planAddresses(identity.id),
    keeper: startKeeper(identity),
    programs,
    say,
    path,
    start: (name, program, parameters, env = {}) =>
      startDaemon({ name, cluster: identity.id, program, parameters, logFile: path("log", `${name}.log`), env }),
  };
}

export async function makeFolders(scene: Scene): Promise<void> {
  for (const name of ["log", "pki", "home"]) await mkdir(scene.path(name), { recursive: true, mode: 0o755 });
}
