import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { goTool } from "@waybill/foundation/testing";
import { containerdMissing } from "./containerd.ts";

const run = promisify(execFile);

/** A containerd that tests can start. */
export interface ContainerdProgram {
  /** `1.6`, `2.2`: what the first two numbers of its version are. */
  readonly release: string;
  readonly program: string;
  readonly ctr: string;
}

const builtVersion = "v2.2.9";
const builtModule = "github.com/containerd/containerd/v2/cmd";
/** What the tests do without; half of the time to compile. */
const tags = ["no_btrfs", "no_devmapper", "no_zfs", "no_cri"];

/**
 * The containerds of this machine: the one on PATH (Debian 12: 1.6), and a 2.2 that is built once from its Go module, or
 * ready ones that WAYBILL_TEST_CONTAINERD and WAYBILL_TEST_CTR name. `missing` says in a sentence each what is not there.
 */
export async function containerdPrograms(): Promise<{
  readonly programs: readonly ContainerdProgram[];
  readonly missing: readonly string[];
}> {
  const nowhere = containerdMissing();
  if (nowhere !== undefined) return { programs: [], missing: [nowhere] };
  const installed = await described("containerd", "ctr");
  const { WAYBILL_TEST_CONTAINERD: ready, WAYBILL_TEST_CTR: readyCtr } = process.env;
  if (ready !== undefined && readyCtr !== undefined) {
    return { programs: [installed, await described(ready, readyCtr)], missing: [] };
  }
  if (installed.release.startsWith("2.")) return { programs: [installed], missing: [] };
  const program = await goTool(`${builtModule}/containerd`, builtVersion, { tags });
  if (program.missing !== undefined) return { programs: [installed], missing: [program.missing] };
  const ctr = await goTool(`${builtModule}/ctr`, builtVersion, { tags });
  if (ctr.missing !== undefined) return { programs: [installed], missing: [ctr.missing] };
  return { programs: [installed, await described(program.program, ctr.program)], missing: [] };
}

async function described(program: string, ctr: string): Promise<ContainerdProgram> {
  const { stdout } = await run(program, ["--version"]);
  const release = /\sv?(\d+\.\d+)\.\d/.exec(stdout)?.[1] ?? "unknown";
  return { release, program, ctr };
}
