import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, mkdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { checkPath, PathSet, StoreError, type Digest } from "@waybill/artifact-store";
import { UserError } from "@waybill/foundation/errors";
import { algorithmOf } from "./digest.ts";

/** A file that a manifest names, with a path that is safe to write under any folder. */
export interface NamedFile {
  readonly path: string;
  readonly digest: Digest;
  readonly size: number;
}

/**
 * Checks the names of a package's files, all before the first is written: somebody pushed them, and may mean harm.
 * @throws UserError for a path that leads elsewhere, and two that would meet
 */
export function checkedFiles(
  layers: readonly { readonly title?: string | undefined; readonly digest: string; readonly size: number }[],
): NamedFile[] {
  const taken = new PathSet();
  return layers.map(({ title = "", digest, size }) => {
    try {
      const path = checkPath(title);
      const met = taken.add(path);
      if (met !== undefined)
        throw new UserError(`the package has ${path} and ${met}, which would meet in a file system`);
      return { path, digest: digest as Digest, size };
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      throw new UserError(
        `this package cannot be written to a folder: ${error.message}`,
        "Read single files of it with --file and --output -.",
      );
    }
  });
}

/**
 * Makes the folders of a file under `root`, and answers where it goes. No step may be a link: what lies under the folder
 * stays under it.
 */
export async function placeFor(root: string, path: string): Promise<string> {
  const steps = path.split("/");
  let folder = root;
  for (const step of steps.slice(0, -1)) {
    folder = join(folder, step);
    await mkdir(folder).catch((error: unknown) => {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    });
    const found = await lstat(folder);
    if (!found.isDirectory()) {
      const what = found.isSymbolicLink() ? "a symbolic link" : "a file";
      throw new UserError(`${folder} is ${what}, where a folder is needed`, "Remove it, or choose another folder.");
    }
  }
  return join(folder, steps.at(-1) ?? "");
}

/**
 * Whether the file is there already, as it should be.
 * @param force another file in its place is replaced; a folder never is
 * @throws UserError for what must not be replaced
 */
export async function isThere(place: string, file: NamedFile, force: boolean): Promise<boolean> {
  const found = await lstat(place).catch(() => undefined);
  if (found === undefined) return false;
  if (found.isFile() && found.size === file.size && (await digestOfFile(place, file.digest)) === file.digest)
    return true;
  if (found.isDirectory()) throw new UserError(`${place} is a folder, where a file goes`, "Choose another folder.");
  if (!force) {
    throw new UserError(`${place} is there, and is another file`, "Choose another folder, or replace it with --force.");
  }
  // A rename would put the file in the place of the link itself; to remove it first is the same, and plain.
  if (!found.isFile()) await rm(place);
  return false;
}

async function digestOfFile(path: string, like: Digest): Promise<string> {
  const hash = createHash(algorithmOf(like));
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) hash.update(chunk as Uint8Array);
  return `${algorithmOf(like)}:${hash.digest("hex")}`;
}

/** The folder itself, made where it is missing; it may be a link, since the caller named it. */
export async function openTarget(root: string): Promise<void> {
  try {
    await mkdir(root, { recursive: true });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UserError(`${root} cannot be made: ${reason}`, `Choose another folder than one in ${dirname(root)}.`);
  }
}
