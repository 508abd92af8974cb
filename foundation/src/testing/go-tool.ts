import { execFile, type ExecFileOptions } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
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
  const tags = options.tags === undefined ? [] : ["-tags", options.tags.join(",")];
  return await built(module.split("/").at(-1) ?? "", version, (folder) => ({
    // As the test cluster's programs are built, which have packages in common with some of these: each is compiled once.
    parameters: ["install", "-trimpath", "-gcflags=all=-dwarf=false", ...tags, `${module}@${version}`],
    options: { env: { ...process.env, CGO_ENABLED: "0", GOBIN: folder, GOOS: "", GOARCH: "" } },
  }));
}

/**
 * A program of our own in Go, called as its folder is: built once, and kept until one of its files changes.
 * @param source a folder with `go.mod`, `go.sum` and `main.go`
 */
export async function goProgram(source: string): Promise<GoTool> {
  const name = basename(source);
  const hash = createHash("sha256");
  for (const file of ["go.mod", "go.sum", "main.go"]) hash.update(await readFile(join(source, file)));
  return await built(name, hash.digest("hex").slice(0, 12), (folder) => ({
    parameters: ["build", "-trimpath", "-o", join(folder, name), "."],
    options: { cwd: source, env: { ...process.env, GOOS: "", GOARCH: "" } },
  }));
}

/**
 * `sh -c … sh FOLDER NAME go's parameters`: whole or not at all. Test files run side by side, and several want the same
 * program: the second waits for the first, where there is flock, and does not build it again.
 */
const build = `
folder=$1 name=$2
shift 2
if command -v flock >/dev/null; then exec 9>"$folder.lock"; flock 9; fi
[ -x "$folder/$name" ] && exit
rm -rf "$folder" "$folder.building" && mkdir "$folder.building" || exit
nice -n 19 go "$@" && mv "$folder.building" "$folder"`;

async function built(
  name: string,
  version: string,
  into: (folder: string) => { readonly parameters: readonly string[]; readonly options: ExecFileOptions },
): Promise<GoTool> {
  const folder = join(cache, `${name}-${version}`);
  const program = join(folder, name);
  if (existsSync(program)) return { program };
  try {
    await run("go", ["version"]);
  } catch {
    return { missing: `${name} is built with Go, which is not installed (Debian: apt-get install golang)` };
  }
  await mkdir(cache, { recursive: true });
  process.stdout.write(`building ${name} ${version} with Go, once; this may take minutes\n`);
  try {
    const { parameters, options } = into(`${folder}.building`);
    await run("sh", ["-c", build, "sh", folder, name, ...parameters], options);
    return { program };
  } catch (error) {
    const said = error instanceof Error ? error.message.trim().split("\n").at(-1) : String(error);
    return { missing: `${name} ${version} could not be built: ${said}` };
  }
}
