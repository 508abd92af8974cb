import { createReadStream, createWriteStream } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { pipeline } from "node:stream/promises";
import { writeArchive, type ArchiveFormat } from "@waybill/artifact-store";
import { syncFolder } from "./fetch-blob.ts";

const endings = [
  [".tar", "tar"],
  [".tar.gz", "tar+gzip"],
  [".tgz", "tar+gzip"],
  [".tar.zst", "tar+zstd"],
  [".zip", "zip"],
] as const satisfies readonly (readonly [string, ArchiveFormat])[];

/** What a file's name says that it is; undefined: a folder. */
export function archiveFormatOf(target: string): ArchiveFormat | undefined {
  return endings.find(([ending]) => target.endsWith(ending))?.[1];
}

/** Packs files of this machine, in this order, into an archive that is there whole or not at all. */
export async function packFiles(
  files: readonly { readonly path: string; readonly source: string; readonly size: number }[],
  format: ArchiveFormat,
  target: string,
  signal: AbortSignal,
): Promise<void> {
  const fresh = `${target}.${process.pid}.partial`;
  const packed = writeArchive(
    files.map(({ path, source, size }) => ({ path, size, open: async () => createReadStream(source) })),
    format,
  );
  try {
    await pipeline(packed, createWriteStream(fresh, { flags: "wx", flush: true }), { signal });
    await rename(fresh, target);
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
  await syncFolder(dirname(target));
}

/** Whether something of this name is there. */
export async function exists(path: string): Promise<boolean> {
  return await open(path, "r").then(
    async (handle) => {
      await handle.close();
      return true;
    },
    () => false,
  );
}
