/**
 * Builds the command line into a few files (node_modules/.cache/waybill-program), from which bin/waybill starts in a third
 * of the time. Does nothing when no source has changed since the last time. Files are named by what is in them and never
 * written again, so that a process that runs from them meanwhile finds what it has not loaded yet.
 */
import { glob, mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { build, type Plugin } from "esbuild";
import {
  freshProgram,
  programFolder,
  programRecord,
  stampOf,
  type BuiltProgram,
} from "../waybill/src/built-program/index.ts";

const root = resolve(import.meta.dirname, "..");
const folder = join(root, programFolder);
const rooms = ["foundation", "artifact-store", "kubenova", "pulltrace", "waybill"];
/** What a process that was started before this build may still load. */
const keptMs = 7 * 24 * 3_600_000;

/** Everything of the rooms that could be in the program or be run by it, such as a worker's file. */
async function stamps(): Promise<Record<string, string>> {
  const patterns = ["package-lock.json", ...rooms.flatMap((room) => [`${room}/package.json`, `${room}/src/**/*.ts`])];
  const isTest = /\.(test|suite)\.ts$|\/testing\//;
  const found: Record<string, string> = {};
  for await (const path of glob(patterns, { cwd: root })) {
    if (!isTest.test(path)) found[path] = stampOf(join(root, path));
  }
  return found;
}

/** Code that asks where it stands gets the place of its source: pages, recordings and workers are found from there. */
const placeOfSource: Plugin = {
  name: "place-of-source",
  setup(bundler) {
    bundler.onLoad({ filter: /\/src\/[^?]*\.ts$/, namespace: "file" }, async ({ path }) => {
      const text = await readFile(path, "utf8");
      const contents = text
        .replaceAll("import.meta.dirname", JSON.stringify(dirname(path)))
        .replaceAll("import.meta.url", JSON.stringify(pathToFileURL(path).href));
      return { contents, loader: "ts" };
    });
  },
};

/** A CommonJS package that is imported late would lose the names of what it exports: Node imports those as they are. */
const latePackages: Plugin = {
  name: "late-packages",
  setup(bundler) {
    bundler.onResolve({ filter: /^[^./]/ }, ({ path, kind }) =>
      kind === "dynamic-import" && !path.startsWith("@waybill/") ? { path, external: true } : undefined,
    );
  },
};

/** Whole or not at all: a process may start from it at any moment. */
async function write(name: string, bytes: Uint8Array | string): Promise<void> {
  const path = join(folder, name);
  await writeFile(`${path}.${process.pid}`, bytes);
  await rename(`${path}.${process.pid}`, path);
}

async function buildProgram(): Promise<void> {
  const sources = await stamps();
  const result = await build({
    absWorkingDir: root,
    entryPoints: ["waybill/src/main.ts"],
    outdir: folder,
    entryNames: "[name]-[hash]",
    write: false,
    bundle: true,
    // Commands load what they need, as they do from the sources.
    splitting: true,
    format: "esm",
    outExtension: { ".js": ".mjs" },
    platform: "node",
    target: "node24",
    metafile: true,
    legalComments: "none",
    // CommonJS packages inside of an ES module still ask for Node's own modules.
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
    // An optional native part of pg that is not installed; the import is in a try block.
    external: ["pg-native"],
    plugins: [placeOfSource, latePackages],
    logLevel: "error",
  });
  const unknown = Object.keys(result.metafile.inputs).find(
    (path) => !path.includes("node_modules/") && !path.startsWith("<") && !(path in sources),
  );
  if (unknown !== undefined) throw new Error(`${unknown} is in the program, but its changes would not be seen`);
  const entry = Object.entries(result.metafile.outputs).find(
    ([, { entryPoint }]) => entryPoint === "waybill/src/main.ts",
  );
  if (entry === undefined) throw new Error("esbuild wrote no program");

  await mkdir(folder, { recursive: true });
  const present = new Set(await readdir(folder));
  const names = new Set([programRecord]);
  for (const { path, contents } of result.outputFiles) {
    const name = relative(folder, path);
    names.add(name);
    if (!present.has(name)) await write(name, contents);
  }
  const program: BuiltProgram = { root, entry: basename(entry[0]), sources };
  await write(programRecord, JSON.stringify(program));
  for (const name of present) {
    if (names.has(name)) continue;
    const path = join(folder, name);
    if ((await stat(path)).mtimeMs < Date.now() - keptMs) await rm(path, { force: true });
  }
}

if (freshProgram(root) === undefined) {
  process.stdout.write("setup: building the command line\n");
  await buildProgram();
}
