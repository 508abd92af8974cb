import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { UserError } from "@waybill/foundation/errors";
import type { ArchiveEntry } from "@waybill/waybill/oci-image";
import { bundleFile, bundleProgram } from "./program-bundle.ts";

const root = resolve(import.meta.dirname, "../../..");

/**
 * Three folders deep, as the file that looks for the page is in the sources (`../../../console/dist` from there): the
 * program finds its page in the image as it does in a checkout.
 */
const programFolder = "opt/waybill/program";
const pageFolder = "opt/console/dist";

export interface ProgramLayer {
  readonly entries: ReadonlyMap<string, ArchiveEntry>;
  /** Absolute path of the program in the image. */
  readonly program: string;
}

/**
 * One program as one file, with the licences of what it is made of, and the page if it serves it.
 * @param name of a file in waybill/src/commands/programs
 */
export async function programLayer(
  name: string,
  options: {
    readonly page: boolean;
    /** Programs of its threads, seen from the repository's root; each stands beside it by its own name. */
    readonly threads: readonly string[];
  },
): Promise<ProgramLayer> {
  const folder = `${programFolder}/${name}`;
  const program = `${folder}/main.cjs`;
  const { bytes, packages } = await bundleProgram(name);
  const entries = new Map<string, ArchiveEntry>([[program, { kind: "file", content: bytes }]]);
  const used = new Set(packages);
  for (const source of options.threads) {
    const thread = await bundleFile(source);
    entries.set(`${folder}/${basename(source, ".ts")}.cjs`, { kind: "file", content: thread.bytes });
    for (const one of thread.packages) used.add(one);
  }
  const words = await licences([...used].toSorted());
  entries.set(`${folder}/LICENSES.txt`, { kind: "file", content: Buffer.from(words) });
  if (options.page) for await (const [path, entry] of page()) entries.set(path, entry);
  return { entries, program: `/${program}` };
}

async function* page(): AsyncGenerator<readonly [string, ArchiveEntry]> {
  const built = join(root, "console/dist");
  if (!existsSync(join(built, "index.html"))) {
    throw new UserError("the page has not been built", "Run `make setup`, which builds it.");
  }
  for (const file of await readdir(built, { recursive: true, withFileTypes: true })) {
    if (!file.isFile()) continue;
    const source = join(file.parentPath, file.name);
    yield [`${pageFolder}/${source.slice(built.length + 1)}`, { kind: "file", source }];
  }
}

async function licences(packages: readonly string[]): Promise<string> {
  const parts: string[] = [await readFile(join(root, "LICENSE"), "utf8")];
  for (const folder of packages) {
    const about = JSON.parse(await readFile(join(root, folder, "package.json"), "utf8")) as {
      readonly name: string;
      readonly version: string;
      readonly license?: string;
    };
    const file = (await readdir(join(root, folder))).toSorted().find((name) => /^licen[cs]e/i.test(name));
    const words = file === undefined ? "" : await readFile(join(root, folder, file), "utf8");
    parts.push(`${about.name} ${about.version} (${about.license ?? "licence not named"})\n\n${words}`);
  }
  return parts.map((part) => part.trim()).join(`\n\n${"-".repeat(80)}\n\n`);
}
