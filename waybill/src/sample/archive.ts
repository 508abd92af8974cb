import { noise } from "./noise.ts";

const blockBytes = 512;
const largestFileBytes = 8 * 1024 * 1024;

interface Entry {
  readonly path: string;
  readonly kind: "file" | "directory";
  readonly sizeBytes: number;
}

/** One header of a POSIX ustar archive (IEEE Std 1003.1, pax, "ustar Interchange Format"). */
function header(entry: Entry): Buffer {
  const block = Buffer.alloc(blockBytes);
  const octal = (value: number, offset: number, width: number): void => {
    block.write(value.toString(8).padStart(width - 1, "0"), offset, "latin1");
  };
  if (Buffer.byteLength(entry.path) > 100) throw new RangeError(`path in a sample layer is too long: ${entry.path}`);
  block.write(entry.path, 0, "utf8");
  octal(entry.kind === "file" ? 0o644 : 0o755, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(entry.sizeBytes, 124, 12);
  octal(0, 136, 12);
  block.fill(" ", 148, 156);
  block.write(entry.kind === "file" ? "0" : "5", 156, "latin1");
  block.write("ustar\u000000", 257, "latin1");
  block.write("root", 265, "latin1");
  block.write("root", 297, "latin1");
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

function* entries(folder: string, sizeBytes: number): Generator<Entry> {
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
    yield header(entry);
    if (entry.kind === "directory") continue;
    yield* noise(`${seed}/${entry.path}`, entry.sizeBytes);
    const rest = entry.sizeBytes % blockBytes;
    if (rest > 0) yield Buffer.alloc(blockBytes - rest);
  }
  yield Buffer.alloc(2 * blockBytes);
}
