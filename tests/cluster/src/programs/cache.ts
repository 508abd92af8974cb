import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { containerdNames, type GoModule, modules, type ProgramName, programNames } from "./modules.ts";

const room = resolve(import.meta.dirname, "../..");
export const cache: string = resolve(room, "../../node_modules/.cache/cluster");

export function sourceOf(module: GoModule): string {
  return join(room, module.name);
}

/** Where a module's programs stand once they are built: another go.mod, go.sum, source or flag is another folder. */
export async function folderOf(module: GoModule): Promise<string> {
  const source = sourceOf(module);
  const files = (await readdir(source, { recursive: true })).filter((file) => /(\.go|^go\.(mod|sum))$/.test(file));
  const hash = createHash("sha256").update(JSON.stringify([module.programs, process.platform, process.arch]));
  for (const file of files.toSorted()) hash.update(`\0${file}\0`).update(await readFile(join(source, file)));
  return join(cache, `${module.name}-${hash.digest("hex").slice(0, 16)}`);
}

/** Path of each program, or the reason why one is not there, as a sentence that says how to get it. */
type Found<Name extends string> =
  | { readonly paths: Readonly<Record<Name, string>>; readonly missing?: never }
  | { readonly paths?: never; readonly missing: string };

/**
 * The programs of a cluster: ready ones in the folder that WAYBILL_CLUSTER_ASSETS names, else what `make test-cluster`
 * has built. Builds nothing.
 */
export function findPrograms(environment: NodeJS.ProcessEnv = process.env): Promise<Found<ProgramName>> {
  return find(programNames, environment);
}

/** containerd 2.2 with its shim and `ctr`, which only tests of that version need; all in one folder. */
export function findContainerd2(
  environment: NodeJS.ProcessEnv = process.env,
): Promise<Found<(typeof containerdNames)[number]>> {
  return find(containerdNames, environment);
}

async function find<Name extends string>(names: readonly Name[], environment: NodeJS.ProcessEnv): Promise<Found<Name>> {
  const given = environment["WAYBILL_CLUSTER_ASSETS"] ?? "";
  const paths: Partial<Record<Name, string>> = {};
  for (const module of modules) {
    const wanted = names.filter((name) => module.programs.some((program) => program.name === name));
    const folder = given === "" ? await folderOf(module) : resolve(given);
    for (const name of wanted) {
      paths[name] = join(folder, name);
      if (existsSync(join(folder, name))) continue;
      return {
        missing:
          given === ""
            ? `${name} is not built yet: make test-cluster builds it, as does npm run build --workspace @waybill/cluster`
            : `WAYBILL_CLUSTER_ASSETS names ${folder}, which holds no ${name}; there have to be ${names.join(", ")}`,
      };
    }
  }
  return { paths: paths as Record<Name, string> };
}
