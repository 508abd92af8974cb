import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { BlobBackend, StageWriter } from "../blobs/index.ts";
import {
  deleteUpload,
  extendUpload,
  findUpload,
  insertUpload,
  pageUploads,
  type Catalog,
  type Commits,
  type Visible,
} from "../catalog/index.ts";
import { algorithmOf, type Digest, type DigestAlgorithm, type HashPool } from "../digest/index.ts";
import { StoreError } from "../errors/index.ts";
import type { RepositoryName } from "../names/index.ts";
import type { ByteSource, Intake } from "./intake.ts";
import { LiveSession } from "./live-session.ts";

export interface UploadStatus {
  readonly id: string;
  /** Bytes that are kept: where the next one belongs. */
  readonly offset: number;
  /** When it ends if nobody continues it. Milliseconds since 1970. */
  readonly expiresAt: number;
}

/** An upload that runs, as a list shows it. Times are milliseconds since 1970. */
export interface RunningUpload extends UploadStatus {
  readonly repository: RepositoryName;
  readonly createdAt: number;
  /** When it ends unless somebody continues it. */
  readonly expiresAt: number;
}

/**
 * How many sessions keep their running digest in memory and their file open; one more makes the oldest open its file and
 * read its bytes again when it goes on.
 */
const rememberedSessions = 500;

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** A client whose connection broke is back before we have put away what it sent last. */
const patienceMs = 2000;

/** A session that has no bytes is written down after so long; most are finished before, and never cost a commit. */
const unsavedMs = 1000;

/** More than so many at once are written down when they begin. */
const mostUnsaved = 200;

/** What sessions need from the store. */
export interface SessionParts {
  readonly catalog: Catalog;
  readonly commits: Commits;
  readonly backend: BlobBackend;
  readonly pool: HashPool;
  readonly intake: Intake;
  readonly lifetimeMs: number;
  readonly now: () => number;
}

/** The sessions of one store: begun, fed by one request at a time, and ended as a blob, cancelled, or expired. */
export class Sessions {
  readonly #parts: SessionParts;
  /** In the order of their last use. */
  readonly #live = new Map<string, LiveSession>();
  readonly #busy = new Map<string, Promise<void>>();
  readonly #closing = new Set<Promise<void>>();
  /** Sessions that only this process knows, none of which has bytes that somebody was told are kept. */
  readonly #unsaved = new Map<string, { readonly timer: NodeJS.Timeout; saving?: Promise<void> }>();

  constructor(parts: SessionParts) {
    this.#parts = parts;
  }

  /** Survives the process once it has bytes, or after a second: one that is lost before has nothing to be lost. */
  async start(repository: RepositoryName, algorithm: DigestAlgorithm): Promise<UploadStatus> {
    const { backend, lifetimeMs } = this.#parts;
    const now = this.#parts.now();
    const upload = { id: randomUUID(), repository, algorithm, createdAt: now, expiresAt: now + lifetimeMs };
    const writer = await backend.beginStage(upload.id);
    const live = new LiveSession(upload, this.#parts, writer);
    const later = (): void => void this.#save(live).catch(() => undefined); // its next request tries again, and is told
    this.#unsaved.set(upload.id, { timer: setTimeout(later, unsavedMs).unref() });
    try {
      if (this.#unsaved.size > mostUnsaved) await this.#save(live);
    } catch (error) {
      await this.#unwritten(upload.id);
      await writer.close();
      await backend.dropStage(upload.id);
      throw error;
    }
    this.#remember(live);
    return { id: upload.id, offset: 0, expiresAt: upload.expiresAt };
  }

  async status(repository: RepositoryName, id: string): Promise<UploadStatus> {
    await this.#upload(repository, id);
    // Whoever asks after a broken connection wants to hear where the last of it ends.
    await this.#quiet(id);
    const live = await this.#find(repository, id);
    return { id, offset: await live.size(), expiresAt: live.upload.expiresAt };
  }

  /** @param offset where the sender believes its first byte belongs; undefined: at the end */
  async append(
    repository: RepositoryName,
    id: string,
    source: ByteSource,
    offset: number | undefined,
  ): Promise<UploadStatus> {
    return await this.#alone(repository, id, async () => {
      const live = await this.#find(repository, id);
      try {
        const end = await live.take(source, offset, this.#parts.intake);
        await this.#keep(live);
        return { id, offset: end, expiresAt: live.upload.expiresAt };
      } catch (error) {
        // Also after a connection that broke: what came before is kept. What broke it is what the sender is to hear.
        await this.#keep(live).catch(() => undefined);
        throw error;
      }
    });
  }

  /**
   * Takes the last bytes, if any, checks the whole against `digest` and hands the stage over: `commit` makes it a blob
   * and, with `end`, ends the session in the same transaction. A wrong digest ends the session, too.
   * @param digest undefined: whatever the bytes have
   */
  async finish(
    repository: RepositoryName,
    id: string,
    digest: Digest | undefined,
    last: { readonly source: ByteSource; readonly offset: number | undefined } | undefined,
    commit: (
      writer: StageWriter,
      blob: { readonly digest: Digest; readonly size: number },
      end: (tx: Catalog) => Promise<unknown>,
    ) => Promise<void>,
  ): Promise<{ readonly digest: Digest; readonly size: number }> {
    return await this.#alone(repository, id, async () => {
      const live = await this.#find(repository, id);
      const size = last === undefined ? await live.size() : await this.#takeLast(live, last.source, last.offset);
      const actual = await live.digest(size, digest === undefined ? live.upload.algorithm : algorithmOf(digest));
      if (digest !== undefined && actual !== digest) {
        await this.expire(id);
        const detail = `the bytes have the digest ${actual}, not ${digest}; the upload is discarded`;
        throw new StoreError("DIGEST_INVALID", detail);
      }
      const unwritten = await this.#unwritten(id);
      try {
        await commit(
          await live.writer(),
          { digest: actual, size },
          async (tx) => unwritten || (await deleteUpload(tx, id)),
        );
      } catch (error) {
        // Its bytes may be there still: whoever tries again finds them.
        if (unwritten) await this.#insert(live).catch(() => undefined);
        throw error;
      } finally {
        this.#forget(id);
      }
      return { digest: actual, size };
    });
  }

  /** Those that are written down, by id. */
  async list(page: {
    readonly visible: Visible;
    readonly after: string;
    readonly limit: number;
  }): Promise<RunningUpload[]> {
    const { catalog, backend, now } = this.#parts;
    const rows = await pageUploads(catalog, { ...page, now: now() });
    return await Promise.all(
      rows.map(async (row) => ({
        id: row.id,
        repository: row.repository,
        offset: (await backend.stageSize(row.id)) ?? 0,
        createdAt: row.createdAt,
        // What lives in memory is extended before the catalog hears of it.
        expiresAt: this.#live.get(row.id)?.upload.expiresAt ?? row.expiresAt,
      })),
    );
  }

  /** @throws StoreError BLOB_UPLOAD_UNKNOWN */
  async repositoryOf(id: string): Promise<RepositoryName> {
    // Asked for each, so that one that another tenant has takes no less than one that never was.
    const written = uuid.test(id) ? await findUpload(this.#parts.catalog, id) : undefined;
    const upload = this.#live.get(id)?.upload ?? written;
    if (upload === undefined) throw new StoreError("BLOB_UPLOAD_UNKNOWN", "there is no such upload");
    return upload.repository;
  }

  async cancel(repository: RepositoryName, id: string): Promise<void> {
    await this.#alone(repository, id, async () => {
      await this.#find(repository, id);
      await this.expire(id);
    });
  }

  /** Whether a request works on the session now. */
  isBusy(id: string): boolean {
    return this.#busy.has(id);
  }

  /** Whether only this process knows the session: its bytes are nobody's for whoever asks the catalog. */
  isUnsaved(id: string): boolean {
    return this.#unsaved.has(id);
  }

  /** Has the catalog know every session that it can. */
  async writeDown(): Promise<void> {
    await Promise.allSettled([...this.#live.values()].map((live) => this.#save(live)));
  }

  /** Ends a session that will not be finished. */
  async expire(id: string): Promise<void> {
    const unwritten = await this.#unwritten(id);
    this.#forget(id);
    await this.#parts.backend.dropStage(id);
    if (unwritten) return;
    await this.#parts.commits.commit((tx) => deleteUpload(tx, id));
  }

  /** Lets go of running digests and open files. */
  async close(): Promise<void> {
    await this.writeDown();
    for (const id of this.#live.keys()) this.#forget(id);
    await Promise.all(this.#closing);
  }

  async #alone<T>(repository: RepositoryName, id: string, work: () => Promise<T>): Promise<T> {
    await this.#upload(repository, id);
    await this.#quiet(id);
    if (this.#busy.has(id)) {
      const detail = "another request is writing this upload: wait for its end, then ask for the status";
      throw new StoreError("UPLOAD_BUSY", detail);
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

  /**
   * Asked before anything waits for the session or finds it busy: another repository's answers at once, and with the same
   * question to the catalog, as one that never was.
   */
  async #upload(repository: RepositoryName, id: string): Promise<LiveSession["upload"]> {
    const known = this.#live.get(id)?.upload;
    const isOwn = known?.repository === repository;
    const upload = isOwn ? known : uuid.test(id) ? await findUpload(this.#parts.catalog, id) : undefined;
    if (upload === undefined || upload.repository !== repository || upload.expiresAt <= this.#parts.now()) {
      const detail = "there is no such upload in this repository: it was finished, cancelled, or has expired";
      throw new StoreError("BLOB_UPLOAD_UNKNOWN", detail);
    }
    return upload;
  }

  async #find(repository: RepositoryName, id: string): Promise<LiveSession> {
    const upload = await this.#upload(repository, id);
    const live = this.#live.get(id) ?? new LiveSession(upload, this.#parts);
    // At once, so that whoever comes meanwhile gets the same one and not a second file.
    this.#remember(live);
    try {
      await live.writer();
    } catch (error) {
      // A row whose stage is gone: the process was killed between the blob's commit and the catalog's.
      this.#forget(id);
      throw error;
    }
    return live;
  }

  /** Moves the expiry on, but not with every request: a commit for each small chunk would cost more than the chunk. */
  async #extend(live: LiveSession): Promise<void> {
    const { lifetimeMs, commits } = this.#parts;
    const now = this.#parts.now();
    if (live.upload.expiresAt - now > lifetimeMs * 0.75) return;
    const expiresAt = now + lifetimeMs;
    await commits.commit((tx) => extendUpload(tx, live.upload.id, expiresAt));
    live.upload = { ...live.upload, expiresAt };
  }

  async #takeLast(live: LiveSession, source: ByteSource, offset: number | undefined): Promise<number> {
    try {
      return await live.take(source, offset, this.#parts.intake, true);
    } catch (error) {
      await this.#save(live).catch(() => undefined);
      throw error;
    }
  }

  async #keep(live: LiveSession): Promise<void> {
    await this.#save(live);
    await this.#extend(live);
  }

  /** Writes a session down that only this process knows; resolves at once for every other. */
  async #save(live: LiveSession): Promise<void> {
    const entry = this.#unsaved.get(live.upload.id);
    if (entry === undefined) return;
    clearTimeout(entry.timer);
    entry.saving ??= this.#insert(live).then(
      () => void this.#unsaved.delete(live.upload.id),
      (error: unknown) => {
        delete entry.saving;
        throw error;
      },
    );
    await entry.saving;
  }

  async #insert(live: LiveSession): Promise<void> {
    // The stage first: a row without one is a session that nobody can continue.
    await live.flush();
    await this.#parts.commits.commit((tx) => insertUpload(tx, live.upload));
  }

  /** Whether the session was never written down, and now will not be. Waits for a writing that has begun. */
  async #unwritten(id: string): Promise<boolean> {
    const entry = this.#unsaved.get(id);
    if (entry === undefined) return false;
    clearTimeout(entry.timer);
    const began = entry.saving;
    await began?.catch(() => undefined);
    this.#unsaved.delete(id);
    return began === undefined;
  }

  #remember(live: LiveSession): void {
    this.#live.delete(live.upload.id);
    this.#live.set(live.upload.id, live);
    const oldest = this.#live.keys().next();
    if (this.#live.size <= rememberedSessions || oldest.done === true || this.#busy.has(oldest.value)) return;
    const forgotten = this.#live.get(oldest.value);
    if (forgotten === undefined) return;
    void this.#letGo(forgotten);
  }

  /** Written down before: where nothing is kept without a boundary, closing would lose it. Never rejects. */
  async #letGo(live: LiveSession): Promise<void> {
    const { id } = live.upload;
    await this.#save(live).catch(() => undefined);
    if (!this.#busy.has(id) && this.#live.get(id) === live) this.#forget(id);
  }

  #forget(id: string): void {
    const live = this.#live.get(id);
    if (live === undefined) return;
    this.#live.delete(id);
    const closing = live.close().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}
