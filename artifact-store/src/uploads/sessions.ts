import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { BlobBackend, StageWriter } from "../blobs/index.ts";
import {
  deleteUpload,
  extendUpload,
  findUpload,
  insertUpload,
  type Catalog,
  type Commits,
  type UploadRow,
} from "../catalog/index.ts";
import { algorithmOf, type Digest, type DigestAlgorithm, type Hasher, type HashPool } from "../digest/index.ts";
import { StoreError } from "../errors/index.ts";
import type { RepositoryName } from "../names/index.ts";
import type { ByteSource, Intake } from "./intake.ts";

export interface UploadStatus {
  readonly id: string;
  /** Bytes that are kept: where the next one belongs. */
  readonly offset: number;
}

/** What this process knows of a session beyond the catalog's row. */
interface Live {
  readonly upload: UploadRow;
  /** The digest of the first `hashed` bytes. */
  hasher: Hasher | undefined;
  hashed: number;
  /** Stays open between requests. */
  writer: Promise<StageWriter> | undefined;
}

/**
 * How many sessions keep their running digest in memory and their file open; one more makes the oldest open its file and
 * read its bytes again when it goes on.
 */
const rememberedSessions = 500;

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** A client whose connection broke is back before we have put away what it sent last. */
const patienceMs = 2000;

/**
 * The sessions of one store.
 *
 * The running digest stays in memory between requests and is rebuilt from the stage's bytes where it is not there: after
 * a restart, in another process, or when the closing request names another algorithm than the session began with. A
 * digest whose state can be saved exists only as WebAssembly; measured, it hashes 290 MB/s where Node's own does 1,690,
 * so it would tax every push to spare the rare one a second look at its bytes.
 */
export class Sessions {
  readonly #catalog: Catalog;
  readonly #commits: Commits;
  readonly #backend: BlobBackend;
  readonly #pool: HashPool;
  readonly #intake: Intake;
  readonly #lifetimeMs: number;
  readonly #now: () => number;
  readonly #live = new Map<string, Live>();
  readonly #closing = new Set<Promise<void>>();
  readonly #busy = new Map<string, Promise<void>>();

  constructor(parts: {
    readonly catalog: Catalog;
    readonly commits: Commits;
    readonly backend: BlobBackend;
    readonly pool: HashPool;
    readonly intake: Intake;
    readonly lifetimeMs: number;
    readonly now: () => number;
  }) {
    this.#catalog = parts.catalog;
    this.#commits = parts.commits;
    this.#backend = parts.backend;
    this.#pool = parts.pool;
    this.#intake = parts.intake;
    this.#lifetimeMs = parts.lifetimeMs;
    this.#now = parts.now;
  }

  async start(repository: RepositoryName, algorithm: DigestAlgorithm): Promise<UploadStatus> {
    const now = this.#now();
    const upload = { id: randomUUID(), repository, algorithm, createdAt: now, expiresAt: now + this.#lifetimeMs };
    const writer = await this.#backend.beginStage(upload.id);
    try {
      await this.#commits.commit((tx) => insertUpload(tx, upload));
    } catch (error) {
      await writer.close();
      await this.#backend.dropStage(upload.id);
      throw error;
    }
    this.#remember({ upload, hasher: this.#pool.hasher(algorithm), hashed: 0, writer: Promise.resolve(writer) });
    return { id: upload.id, offset: 0 };
  }

  async status(repository: RepositoryName, id: string): Promise<UploadStatus> {
    // Whoever asks after a broken connection wants to hear where the last of it ends.
    await this.#quiet(id);
    const live = await this.#find(repository, id);
    return { id, offset: await this.#size(live) };
  }

  /** @param offset where the sender believes its first byte belongs; undefined: at the end */
  async append(
    repository: RepositoryName,
    id: string,
    source: ByteSource,
    offset: number | undefined,
  ): Promise<UploadStatus> {
    return await this.#alone(id, async () => {
      const live = await this.#find(repository, id);
      const end = await this.#take(live, source, offset);
      await this.#extend(live);
      return { id, offset: end };
    });
  }

  /**
   * Takes the last bytes, if any, checks the whole against `digest` and hands the stage over: `commit` makes it a blob
   * and ends the session in the catalog. A wrong digest ends the session, too.
   */
  async finish(
    repository: RepositoryName,
    id: string,
    digest: Digest,
    last: { readonly source: ByteSource; readonly offset: number | undefined } | undefined,
    commit: (writer: StageWriter, size: number) => Promise<void>,
  ): Promise<number> {
    return await this.#alone(id, async () => {
      const live = await this.#find(repository, id);
      const size = last === undefined ? await this.#size(live) : await this.#take(live, last.source, last.offset);
      const actual = await this.#digest(live, size, algorithmOf(digest));
      if (actual !== digest) {
        await this.#end(live);
        throw new StoreError(
          "DIGEST_INVALID",
          `the bytes have the digest ${actual}, not ${digest}; the upload is discarded`,
        );
      }
      try {
        await commit(await this.#writer(live), size);
      } finally {
        this.#forget(id);
      }
      return size;
    });
  }

  async cancel(repository: RepositoryName, id: string): Promise<void> {
    await this.#alone(id, async () => this.#end(await this.#find(repository, id)));
  }

  /** Whether a request of this process works on the session now. */
  isBusy(id: string): boolean {
    return this.#busy.has(id);
  }

  /** Ends a session that has expired. */
  async expire(id: string): Promise<void> {
    this.#forget(id);
    await this.#backend.dropStage(id);
    await this.#commits.commit((tx) => deleteUpload(tx, id));
  }

  /** Lets go of running digests and open files. */
  async close(): Promise<void> {
    for (const id of this.#live.keys()) this.#forget(id);
    await Promise.all(this.#closing);
  }

  async #alone<T>(id: string, work: () => Promise<T>): Promise<T> {
    await this.#quiet(id);
    if (this.#busy.has(id)) {
      throw new StoreError(
        "UPLOAD_BUSY",
        "another request is writing this upload: wait for its end, then ask for the status",
      );
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#busy.set(id, promise);
    try {
      return await work();
    } finally {
      this.#busy.delete(id);
      resolve();
    }
  }

  /** Waits for the request that works on the session now, but not for ever. */
  async #quiet(id: string): Promise<void> {
    const work = this.#busy.get(id);
    if (work !== undefined) await Promise.race([work, sleep(patienceMs, undefined, { ref: false })]);
  }

  async #find(repository: RepositoryName, id: string): Promise<Live> {
    const known = this.#live.get(id);
    const upload = known?.upload ?? (uuid.test(id) ? await findUpload(this.#catalog, id) : undefined);
    if (upload === undefined || upload.repository !== repository || upload.expiresAt <= this.#now()) {
      throw new StoreError(
        "BLOB_UPLOAD_UNKNOWN",
        "there is no such upload in this repository: it was finished, cancelled, or has expired",
      );
    }
    const live = known ?? { upload, hasher: undefined, hashed: 0, writer: undefined };
    this.#remember(live);
    return live;
  }

  async #size(live: Live): Promise<number> {
    return await (await this.#writer(live)).size();
  }

  async #writer(live: Live): Promise<StageWriter> {
    live.writer ??= this.#backend.writeStage(live.upload.id);
    try {
      return await live.writer;
    } catch (error) {
      this.#forget(live.upload.id);
      throw error;
    }
  }

  async #take(live: Live, source: ByteSource, offset: number | undefined): Promise<number> {
    const size = await this.#size(live);
    if (offset !== undefined && offset !== size) {
      throw new StoreError("RANGE_INVALID", `the next byte of this upload is ${size}, not ${offset}`);
    }
    const hasher = await this.#hasherAt(live, size, live.upload.algorithm);
    const writer = await this.#writer(live);
    let broken: StoreError | undefined;
    try {
      const taken = await this.#intake.takeIn(source, size, writer, hasher);
      live.hashed = taken.end;
      broken = taken.broken;
    } catch (error) {
      // How much of the last batch was hashed is not known: whoever goes on reads the bytes again.
      this.#dropHasher(live);
      throw error;
    }
    if (broken !== undefined) throw broken;
    return live.hashed;
  }

  async #digest(live: Live, size: number, algorithm: DigestAlgorithm): Promise<Digest> {
    const hasher = await this.#hasherAt(live, size, algorithm);
    live.hasher = undefined;
    return await hasher.digest();
  }

  /** The running digest of exactly the first `size` bytes. */
  async #hasherAt(live: Live, size: number, algorithm: DigestAlgorithm): Promise<Hasher> {
    if (live.hasher?.algorithm === algorithm && live.hashed === size) return live.hasher;
    this.#dropHasher(live);
    const hasher = this.#pool.hasher(algorithm);
    for await (const chunk of this.#backend.readStage(live.upload.id) as AsyncIterable<Uint8Array>)
      await hasher.update([chunk]);
    live.hasher = hasher;
    live.hashed = size;
    return hasher;
  }

  /** Moves the expiry on, but not with every request: a commit for each small chunk would cost more than the chunk. */
  async #extend(live: Live): Promise<void> {
    const now = this.#now();
    if (live.upload.expiresAt - now > this.#lifetimeMs * 0.75) return;
    const expiresAt = now + this.#lifetimeMs;
    await this.#commits.commit((tx) => extendUpload(tx, live.upload.id, expiresAt));
    this.#remember({ ...live, upload: { ...live.upload, expiresAt } });
  }

  async #end(live: Live): Promise<void> {
    await this.expire(live.upload.id);
  }

  #remember(live: Live): void {
    this.#live.delete(live.upload.id);
    this.#live.set(live.upload.id, live);
    const oldest = this.#live.keys().next();
    if (this.#live.size > rememberedSessions && oldest.done !== true && !this.#busy.has(oldest.value))
      this.#forget(oldest.value);
  }

  #forget(id: string): void {
    const live = this.#live.get(id);
    this.#live.delete(id);
    if (live === undefined) return;
    this.#dropHasher(live);
    if (live.writer === undefined) return;
    const closing = this.#closeWriter(id, live.writer).finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
    live.writer = undefined;
  }

  /** Never rejects. A stage whose bytes the medium has lost goes with its writer. */
  async #closeWriter(id: string, writer: Promise<StageWriter>): Promise<void> {
    const opened = await writer.catch(() => undefined);
    try {
      await opened?.close();
    } catch {
      await this.#backend.dropStage(id).catch(() => undefined); // the sweep tries again
    }
  }

  #dropHasher(live: Live): void {
    live.hasher?.drop();
    live.hasher = undefined;
    live.hashed = 0;
  }
}
