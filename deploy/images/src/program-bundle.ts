import { resolve } from "node:path";
import { build, type Metafile } from "esbuild";

const root = resolve(import.meta.dirname, "../../..");

export interface ProgramBundle {
  readonly bytes: Uint8Array;
  /** Folders of the npm packages whose code is in it, seen from the repository's root. */
  readonly packages: readonly string[];
}

/**
 * One program as one CommonJS file. Not ESM: an import of node:http there reads all that the module exports, and with
 * that loads an HTTP client of many MiB that nobody calls.
 * @param name of a file in waybill/src/commands/programs
 */
export function bundleProgram(name: string): Promise<ProgramBundle> {
  return bundleFile(`waybill/src/commands/programs/${name}.ts`);
}

/** The same for any file, such as the program of a thread. @param source seen from the repository's root */
export async function bundleFile(source: string): Promise<ProgramBundle> {
  const result = await build({
    absWorkingDir: root,
    entryPoints: [source],
    outfile: "bundle.cjs",
    write: false,
    bundle: true,
    platform: "node",
    target: "node24",
    format: "cjs",
    minify: true,
    metafile: true,
    legalComments: "none",
    define: { "import.meta.dirname": "__dirname" },
    // An optional native part of pg that is not installed; the import is in a try block.
    external: ["pg-native"],
    logLevel: "error",
  });
  const bundle = result.outputFiles[0];
  if (bundle === undefined) throw new Error(`esbuild wrote nothing for ${source}`);
  return { bytes: bundle.contents, packages: packagesOf(result.metafile) };
}

/** Folders of the npm packages whose code got into the bundle. */
function packagesOf(metafile: Metafile): string[] {
  const used = Object.values(metafile.outputs).flatMap(({ inputs }) => Object.entries(inputs));
  const folders = used
    .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
    .map(([path]) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0])
    .filter((folder) => folder !== undefined);
  return [...new Set(folders)].toSorted();
}
