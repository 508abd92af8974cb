import { StoreError } from "../errors/index.ts";

/** What a path of a file may be, wherever it comes from: an archive, a request, a manifest that somebody else made. */
const pathLimits = { bytes: 1024, elementBytes: 255, depth: 32 } as const;

/** Names that are devices on Windows, with or without an extension. */
const reserved = /^(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?:\.|$)/iu;

function fault(path: string): string | undefined {
  if (path === "") return "it is empty";
  if (Buffer.byteLength(path) > pathLimits.bytes) return `it is longer than ${pathLimits.bytes} bytes`;
  if (!path.isWellFormed()) return "it is no valid Unicode";
  if (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(path)) return "it has a control character";
  // Marks that turn the direction of writing make one name look like another.
  if (/[\u202a-\u202e\u2066-\u2069\u200e\u200f\ufeff]/u.test(path)) return "it has an invisible mark";
  if (path.includes("\\")) return "it has a backslash, which some systems take for a slash";
  if (path.startsWith("/") || /^[a-z]:/iu.test(path)) return "it is absolute";
  const elements = path.split("/");
  if (elements.length > pathLimits.depth) return `it is deeper than ${pathLimits.depth} folders`;
  for (const element of elements) {
    if (element === "") return "it has an empty element";
    if (element === "." || element === "..") return `it has the element ${element}`;
    if (Buffer.byteLength(element) > pathLimits.elementBytes) {
      return `it has an element longer than ${pathLimits.elementBytes} bytes`;
    }
    if (/[. ]$/u.test(element)) return "it has an element that ends with a dot or a blank, which some systems cut off";
    if (reserved.test(element)) return `${element} is the name of a device on some systems`;
  }
  return undefined;
}

/** A path in an error: short, on one line. */
export function shownPath(path: string): string {
  return JSON.stringify(path.length > 120 ? `${path.slice(0, 120)}…` : path);
}

export function isPath(path: string): boolean {
  return fault(path) === undefined;
}

/** @throws StoreError PATH_INVALID */
export function checkPath(path: string): string {
  const why = fault(path);
  if (why !== undefined) throw new StoreError("PATH_INVALID", `${shownPath(path)} cannot be a file's path: ${why}`);
  return path;
}

/** The same for two paths that some file system takes for one: without regard to case and to Unicode's composed forms. */
export function foldPath(path: string): string {
  return path.normalize("NFKC").toUpperCase().toLowerCase().normalize("NFKC");
}

/** Finds paths that would meet in a file system. Kept for the paths of one archive. */
export class PathSet {
  readonly #files = new Map<string, string>();
  readonly #folders = new Map<string, string>();

  /** Takes a path in; answers the one that it would meet. */
  add(path: string): string | undefined {
    const steps = foldPath(path).split("/");
    const folded = steps.join("/");
    const folders = steps.slice(0, -1).map((_, index) => steps.slice(0, index + 1).join("/"));
    const met = [folded, ...folders].map((one) => this.#files.get(one)).find((one) => one !== undefined);
    const inTheWay = met ?? this.#folders.get(folded);
    if (inTheWay !== undefined) return inTheWay;
    this.#files.set(folded, path);
    for (const folder of folders) this.#folders.set(folder, path);
    return undefined;
  }
}
