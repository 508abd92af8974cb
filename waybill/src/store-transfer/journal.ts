import { createHash, randomUUID } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

interface Kept {
  /** What makes opening the package again harmless. */
  key: string;
  package?: string;
  /** Digest of a blob to the upload that has a part of it. */
  readonly uploads: Record<string, string>;
}

/**
 * What a transfer that stopped needs to go on: kept on this machine until it is through. Losing it costs time and nothing
 * else, since what is there is found by its digest.
 */
export interface Journal {
  readonly key: string;
  readonly package: string | undefined;
  uploadOf(digest: string): string | undefined;
  setPackage(id: string): Promise<void>;
  setUpload(digest: string, id: string | undefined): Promise<void>;
  /** Another package, with a key of its own. Uploads stay. */
  startAnew(): Promise<void>;
  /** It is through. */
  remove(): Promise<void>;
}

function keptIn(text: string): Kept | undefined {
  try {
    const { key, package: id, uploads } = JSON.parse(text) as Partial<Record<keyof Kept, unknown>>;
    if (typeof key !== "string" || typeof uploads !== "object" || uploads === null) return undefined;
    const texts = Object.entries(uploads).filter((entry): entry is [string, string] => typeof entry[1] === "string");
    return { key, ...(typeof id === "string" ? { package: id } : {}), uploads: Object.fromEntries(texts) };
  } catch {
    return undefined;
  }
}

/**
 * The journal of one transfer, told apart by everything that makes it another one.
 * @param subject place, repository, folder, description…
 */
export async function openJournal(
  subject: readonly unknown[],
  folder: string = join(process.env["XDG_STATE_HOME"] ?? join(homedir(), ".local/state"), "waybill/transfers"),
): Promise<Journal> {
  const name = createHash("sha256").update(JSON.stringify(subject)).digest("hex").slice(0, 32);
  const path = join(folder, `${name}.json`);
  const known = await readFile(path, "utf8").then(keptIn, () => undefined);
  const kept: Kept = known ?? { key: randomUUID(), uploads: {} };
  let writing: Promise<void> = Promise.resolve();

  /** One after the other, each whole: a reader never sees half of one. */
  function save(): Promise<void> {
    const before = writing;
    const write = async (): Promise<void> => {
      await before.catch(() => undefined); // told to whoever asked for that one
      const fresh = `${path}.${process.pid}`;
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await writeFile(fresh, JSON.stringify(kept), { mode: 0o600, flush: true });
      await rename(fresh, path);
    };
    writing = write();
    return writing;
  }

  return {
    get key() {
      return kept.key;
    },
    get package() {
      return kept.package;
    },
    uploadOf: (digest) => kept.uploads[digest],
    async setPackage(id) {
      kept.package = id;
      await save();
    },
    async setUpload(digest, id) {
      if (id === undefined) delete kept.uploads[digest];
      else kept.uploads[digest] = id;
      await save();
    },
    async startAnew() {
      kept.key = randomUUID();
      delete kept.package;
      await save();
    },
    async remove() {
      await writing;
      await rm(path, { force: true });
    },
  };
}
