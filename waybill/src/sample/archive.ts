import { tarEnd, tarHeader, tarPadding, type TarEntry } from "../oci-image/index.ts";
import { noise } from "./noise.ts";

const largestFileBytes = 8 * 1024 * 1024;

function* entries(folder: string, sizeBytes: number): Generator<TarEntry> {
  yield { path: "opt/", kind: "directory", sizeBytes: 0 };
  yield { path: `opt/${folder}/`, kind: "directory", sizeBytes: 0 };
  for (let written = 0, part = 1; written < sizeBytes; part += 1) {
    const size = Math.min(largestFileBytes, sizeBytes - written);
    yield { path: `opt/${folder}/part-${String(part).padStart(4, "0")}.bin`, kind: "file", sizeBytes: size };
    written += size;
  }
}

/**
 * A tar archive with `sizeBytes` bytes of noise in files of at most 8 MiB below `opt/<folder>/`. Every header field
 * that could differ from run to run (times, owners) is fixed.
 */
export function* archive(folder: string, seed: string, sizeBytes: number): Generator<Buffer> {
  for (const entry of entries(folder, sizeBytes)) {
    yield tarHeader(entry);
    if (entry.kind === "directory") continue;
    yield* noise(`${seed}/${entry.path}`, entry.sizeBytes);
    yield tarPadding(entry.sizeBytes);
  }
  yield tarEnd();
}
