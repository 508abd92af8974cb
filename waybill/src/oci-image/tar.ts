const blockBytes = 512;

export interface TarEntry {
  /** Relative, without `./`; a folder's ends with a slash. */
  readonly path: string;
  readonly kind: "file" | "directory" | "symlink" | "hardlink";
  /** Bytes of content; 0 for everything but a file. */
  readonly sizeBytes: number;
  /** Permission bits; 0755 of a folder, 0777 of a symbolic link and 0644 of a file when absent. */
  readonly mode?: number;
  /** Numeric owner; 0 when absent. */
  readonly uid?: number;
  readonly gid?: number;
  /** Where a link points. */
  readonly target?: string;
}

const typeFlags = { file: "0", hardlink: "1", symlink: "2", directory: "5" } as const;
const usualModes = { file: 0o644, hardlink: 0o644, symlink: 0o777, directory: 0o755 } as const;

/**
 * One header of a POSIX ustar archive (IEEE Std 1003.1, pax, "ustar Interchange Format"): 512 bytes. Times are 0, and
 * the owner's name is left out where the number says it.
 * @throws RangeError when a path does not fit the format.
 */
export function tarHeader(entry: TarEntry): Buffer {
  const block = Buffer.alloc(blockBytes);
  const octal = (value: number, offset: number, width: number): void => {
    const digits = value.toString(8);
    if (digits.length > width - 1) throw new RangeError(`${entry.path}: ${value} does not fit a tar header`);
    block.write(digits.padStart(width - 1, "0"), offset, "latin1");
  };
  const { name, prefix } = split(entry.path);
  block.write(name, 0, "utf8");
  octal(entry.mode ?? usualModes[entry.kind], 100, 8);
  octal(entry.uid ?? 0, 108, 8);
  octal(entry.gid ?? 0, 116, 8);
  octal(entry.sizeBytes, 124, 12);
  octal(0, 136, 12);
  block.fill(" ", 148, 156);
  block.write(typeFlags[entry.kind], 156, "latin1");
  if (entry.target !== undefined) {
    if (Buffer.byteLength(entry.target) > 100) throw new RangeError(`the link ${entry.path} points too far`);
    block.write(entry.target, 157, "utf8");
  }
  block.write("ustar\u000000", 257, "latin1");
  if ((entry.uid ?? 0) === 0) block.write("root", 265, "latin1");
  if ((entry.gid ?? 0) === 0) block.write("root", 297, "latin1");
  block.write(prefix, 345, "utf8");
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

/** A long path stands in two fields, cut at a slash: prefix (155 bytes) and name (100 bytes). */
function split(path: string): { readonly name: string; readonly prefix: string } {
  if (Buffer.byteLength(path) <= 100) return { name: path, prefix: "" };
  for (let slash = path.indexOf("/"); slash > 0; slash = path.indexOf("/", slash + 1)) {
    const [prefix, name] = [path.slice(0, slash), path.slice(slash + 1)];
    if (name !== "" && Buffer.byteLength(name) <= 100 && Buffer.byteLength(prefix) <= 155) return { name, prefix };
  }
  throw new RangeError(`the path is too long for a tar header: ${path}`);
}

/** What follows a file's content, up to the next whole block. */
export function tarPadding(sizeBytes: number): Buffer {
  return Buffer.alloc((blockBytes - (sizeBytes % blockBytes)) % blockBytes);
}

/** What ends an archive: two empty blocks. */
export function tarEnd(): Buffer {
  return Buffer.alloc(2 * blockBytes);
}
