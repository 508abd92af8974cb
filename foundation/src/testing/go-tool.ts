import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const cache = resolve(import.meta.dirname, "../../../node_modules/.cache/go-tools");

/** A program, or the reason why there is none, as a sentence. */
export type GoTool =
  | { readonly program: string; readonly missing?: never }
  | { readonly program?: never; readonly missing: string };

/**
 * A program that is published as a Go module: built once, and kept until the version changes or node_modules goes. The
 * build gives way to everything else on the machine.
 * @param module path of its main package, e.g. `helm.sh/helm/v3/cmd/helm`
 * @param options.tags build tags
 */
export async function goTool(
  module: string,
  version: string,
  options: { readonly tags?: readonly string[] } = {},
): Promise<GoTool> {
  const name = module.split("/").at(-1) ?? "";
  const folder = join(cache, `${name}-${version}`);
  const program = join(folder, name);
  if (existsSync(program)) return { program };
  try {
    await run("go", ["version"]);
  } catch {
    return { missing: `${name} is built with Go, which is not installed (Debian: apt-get install golang)` };
  }
  await mkdir(folder, { recursive: true });
  process.stdout.write(`building ${name} ${version} with Go, once; this may take minutes\n`);
  try {
    const tags = options.tags === undefined ? [] : ["-tags", options.tags.join(",")];
    await run("nice", ["-n", "19", "go", "install", ...tags, `${module}@${version}`], {
      env: { ...process.env, GOBIN: folder, GOOS: "", GOARCH: "" },
    });
    return { program };
  } catch (error) {
    const said = error instanceof Error ? error.message.trim().split("\n").at(-1) : String(error);
    return { missing: `${name} ${version} could not be built: ${said}` };
  }
}
