import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** Seen from the root of the checkout. What stands there may be deleted at any time. */
export const programFolder = "node_modules/.cache/waybill-program";
/** In that folder: which of its files are the program, and what they were made of. Written last. */
export const programRecord = "program.json";

export interface BuiltProgram {
  /** The checkout, absolute: the program has its paths in it. */
  readonly root: string;
  /** The file to start with, in the folder. */
  readonly entry: string;
  /** Every source of the checkout, seen from its root, with its stamp from before it was read. */
  readonly sources: Readonly<Record<string, string>>;
}

/** What changes when a file is written: time of change and size, as make and git tell it. */
export function stampOf(path: string): string {
  const { mtimeMs, size } = statSync(path);
  return `${mtimeMs} ${size}`;
}

/**
 * The built program's first file, when it was made of exactly the sources that are there now.
 * @param root of the checkout, absolute
 * @returns a file URL to import; undefined when nothing was built, a source has changed or gone, or the checkout was moved
 */
export function freshProgram(root: string): string | undefined {
  try {
    const folder = join(root, programFolder);
    const program = JSON.parse(readFileSync(join(folder, programRecord), "utf8")) as BuiltProgram;
    if (program.root !== root) return undefined;
    for (const [path, stamp] of Object.entries(program.sources)) {
      if (stampOf(join(root, path)) !== stamp) return undefined;
    }
    const entry = join(folder, program.entry);
    return statSync(entry).isFile() ? pathToFileURL(entry).href : undefined;
  } catch {
    return undefined;
  }
}
