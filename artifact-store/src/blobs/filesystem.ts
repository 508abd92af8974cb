import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { mkdir, open, opendir, readFile, rename, stat, unlink, type FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { digestAlgorithms } from "../digest/index.ts";
import { StoreError } from "../errors/index.ts";
import { shardCount, type BlobBackend, type Stage, type StoredBlob } from "./contract.ts";
import { DirectorySync } from "./directory-sync.ts";
import { FileReader } from "./file-reader.ts";
import { FileStageWriter } from "./file-stage-writer.ts";
import { diskFailure, hasCode, told } from "./file-errors.ts";
import { stageGone } from "./stage-gone.ts";
import { OpenFile } from "./open-file.ts";
import { isStageId, parseBlobKey, partsOfKey, shardNames, type BlobKey } from "./key.ts";

/** The folders of blobs, and what begins the keys in there. */
const kinds = [
  ...digestAlgorithms.map((one) => ({ folder: one, prefix: one })),
  { folder: "uploads", prefix: "upload" },
];

/**
 * Blobs as files:
 *
 * ```text
 * <root>/blobs/sha256/<first two hex digits>/<hex>    committed, never written again
 * <root>/blobs/sha256/<first two hex digits>/<hex>.<16>   the same, where the first name was being deleted
 * <root>/blobs/uploads/<first two digits>/<uuid>      the same, moved here from a place that had to name it before its digest
 * <root>/uploads/<id>                                 stages
 * <root>/store.id                                     the name of this place
 * ```
 *
 * The commit is: fsync of the stage, rename to the blob's name, fsync of the directory that got the name. Stages do not lie
 * in the blobs' directories, although the rename stays within one file system (tried at the start): a stage's digest,
 * and so its directory, is not known before its last byte, and a sweep must find stages without listing blobs.
 * A crash between rename and fsync may leave both names or either one: a blob that no catalog row names, or a stage, and
 * each is harmless.
 */
class FilesystemBackend implements BlobBackend {
  readonly place: string;
  readonly rereadsStages = true;
  readonly shared = false;
  readonly flushEveryBytes = undefined;
  readonly #blobs: string;
  readonly #uploads: string;
  readonly #directories = new DirectorySync();
  readonly #made = new Set<string>();

  constructor(root: string) {
    this.place = root;
    this.#blobs = join(root, "blobs");
    this.#uploads = join(root, "uploads");
  }

  async open(): Promise<void> {
    await mkdir(this.#uploads, { recursive: true });
    for (const algorithm of digestAlgorithms) await mkdir(join(this.#blobs, algorithm), { recursive: true });
    await this.#directories.sync(this.#blobs);
    await this.#directories.sync(dirname(this.#blobs));
    await this.#try(0);
  }

  async beginStage(id: string): Promise<FileStageWriter> {
    const flags = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_APPEND;
    return this.#writer(id, await told(open(this.#stage(id), flags, 0o640)));
  }

  async writeStage(id: string): Promise<FileStageWriter> {
    const opening = open(this.#stage(id), constants.O_WRONLY | constants.O_APPEND);
    return this.#writer(id, await this.#existing(opening));
  }

  async stageSize(id: string): Promise<number | undefined> {
    return await sizeOf(this.#stage(id));
  }

  readStage(id: string): Readable {
    const bytes = async (): Promise<Readable> => {
      const file = await this.#existing(OpenFile.open(this.#stage(id)));
      return new FileReader(file).stream();
    };
    return Readable.from(opened(bytes), { objectMode: false });
  }

  async dropStage(id: string): Promise<void> {
    const gone = unlink(this.#stage(id)).catch((error: unknown) => {
      if (!hasCode(error, "ENOENT")) throw error;
    });
    await told(gone);
  }

  async *stages(): AsyncGenerator<Stage> {
    for await (const entry of await opendir(this.#uploads)) {
      const found = isStageId(entry.name)
        ? await stat(join(this.#uploads, entry.name)).catch(() => undefined)
        : undefined;
      if (found?.isFile()) yield { id: entry.name, modifiedAt: found.mtimeMs };
    }
  }

  async openBlob(key: BlobKey): Promise<FileReader | undefined> {
    const opening = OpenFile.open(this.#blob(key)).catch((error: unknown) => {
      if (hasCode(error, "ENOENT")) return undefined;
      throw error;
    });
    const file = await told(opening);
    return file && new FileReader(file);
  }

  async blobSize(key: BlobKey): Promise<number | undefined> {
    return await sizeOf(this.#blob(key));
  }

  async removeBlob(key: BlobKey): Promise<void> {
    const path = this.#blob(key);
    try {
      await unlink(path);
    } catch (error) {
      if (!hasCode(error, "ENOENT")) throw diskFailure(error);
      return;
    }
    await told(this.#directories.sync(dirname(path)));
  }

  async *blobs(first: number, count = 1): AsyncGenerator<StoredBlob> {
    for (const shard of shardNames(first, count)) {
      for (const kind of kinds) yield* this.#blobsIn(join(this.#blobs, kind.folder, shard), kind.prefix);
    }
  }

  async isEmpty(): Promise<boolean> {
    for await (const blob of this.blobs(0, shardCount)) return blob.size < 0;
    return true;
  }

  async identity(): Promise<string | undefined> {
    try {
      return (await readFile(this.#identity(), "utf8")).trim();
    } catch (error) {
      if (hasCode(error, "ENOENT")) return undefined;
      throw error;
    }
  }

  async identify(text: string): Promise<void> {
    const path = this.#identity();
    const file = await told(open(`${path}.new`, "w", 0o640));
    try {
      await told(file.writeFile(`${text}\n`));
      await told(file.sync());
    } finally {
      await file.close();
    }
    await told(rename(`${path}.new`, path));
    await told(this.#directories.sync(this.place));
  }

  async check(): Promise<void> {
    await this.#try(1);
  }

  /** The steps of a write. A start asks for no byte: on a full disk there is still reading to do. */
  async #try(bytes: number): Promise<void> {
    const name = randomUUID();
    const probe = join(this.#blobs, `probe-${name}`);
    const writer = await this.beginStage(name);
    try {
      await writer.write([new Uint8Array(bytes)]);
      await writer.close();
      await told(rename(this.#stage(name), probe));
    } catch (error) {
      await writer.close();
      await this.dropStage(name);
      if (!hasCode(error, "EXDEV")) throw error;
      throw new Error(
        `${this.#uploads} and ${this.#blobs} must lie on one file system: a blob's last step is a rename`,
        {
          cause: error,
        },
      );
    }
    await unlink(probe);
  }

  async close(): Promise<void> {
    await this.#directories.close();
  }

  async *#blobsIn(folder: string, prefix: string): AsyncGenerator<StoredBlob> {
    const entries = await opendir(folder).catch((error: unknown) => {
      if (hasCode(error, "ENOENT")) return [];
      throw error;
    });
    for await (const entry of entries) {
      const key = parseBlobKey(`${prefix}:${entry.name}`);
      const found = key && (await stat(join(folder, entry.name)).catch(() => undefined));
      // A rename keeps the time of the last byte, and sets that of the last change of the file's entry.
      if (key !== undefined && found?.isFile()) {
        yield { key, size: found.size, storedAt: Math.max(found.mtimeMs, found.ctimeMs) };
      }
    }
  }

  #writer(id: string, file: FileHandle): FileStageWriter {
    return new FileStageWriter(file, (key) => this.#name(id, key));
  }

  /** The end of a commit; the stage's bytes are on the medium already. */
  async #name(id: string, key: BlobKey): Promise<void> {
    const path = this.#blob(key);
    await this.#makeDirectory(dirname(path));
    // One step from nothing to everything: a reader sees no blob or the whole blob.
    await told(
      rename(this.#stage(id), path).catch((error: unknown) => {
        throw hasCode(error, "ENOENT") ? stageGone(error) : error;
      }),
    );
    // The name reaches the medium, too, before the caller may tell anybody.
    await told(this.#directories.sync(dirname(path)));
  }

  #stage(id: string): string {
    if (!isStageId(id)) throw new StoreError("BLOB_UPLOAD_UNKNOWN", "an upload's id is a UUID");
    return join(this.#uploads, id);
  }

  #blob(key: BlobKey): string {
    const { shard, kind, name } = partsOfKey(key);
    return join(this.#blobs, kind === "upload" ? "uploads" : kind, shard, name);
  }

  #identity(): string {
    return join(this.place, "store.id");
  }

  async #existing<T>(opening: Promise<T>): Promise<T> {
    try {
      return await told(opening);
    } catch (error) {
      throw hasCode(error, "ENOENT") ? stageGone(error) : error;
    }
  }

  async #makeDirectory(path: string): Promise<void> {
    if (this.#made.has(path)) return;
    const outermost = await told(mkdir(path, { recursive: true }));
    await this.#directories.sync(dirname(path));
    if (outermost !== undefined && outermost !== path) await this.#directories.sync(dirname(outermost));
    this.#made.add(path);
  }
}

async function* opened(stream: () => Promise<Readable>): AsyncGenerator<Uint8Array> {
  for await (const chunk of await stream()) yield chunk as Uint8Array;
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** @param root a folder; it is made when it is not there. Rejects when it cannot be written to. */
export async function openFilesystemBackend(root: string): Promise<BlobBackend> {
  const backend = new FilesystemBackend(root);
  await backend.open();
  return backend;
}
