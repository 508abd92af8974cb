import { randomUUID } from "node:crypto";
import {
  freshKey,
  uploadKey,
  VerifiedReader,
  type BlobBackend,
  type BlobKey,
  type BlobReader,
  type StageWriter,
} from "../blobs/index.ts";
import {
  blobOf,
  ensureRepository,
  isUnwritable,
  leaseShownBlob,
  linkBlob,
  lyingUnder,
  recordBlob,
  repositoryId,
  repositoryWith,
  reviewBlob,
  unlinkBlob,
  type BlobRow,
  type Catalog,
  type Commits,
  type RecentAnswers,
  type Visible,
} from "../catalog/index.ts";
import type { Writing } from "../collection/index.ts";
import { algorithmOf, type Digest, type HashPool } from "../digest/index.ts";
import { StoreError } from "../errors/index.ts";
import type { RepositoryName } from "../names/index.ts";
import type { ByteSource, Intake } from "../uploads/index.ts";
import type { Quarantine, Reading } from "./quarantine.ts";

export interface BlobStat {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

/** A blob that is open for reading; its owner reads it to the end or closes it. */
export interface OpenBlob extends BlobStat {
  readonly reader: BlobReader;
}

/** Blobs as a repository sees them. A blob that was neither uploaded nor mounted there does not exist for it. */
export class Blobs {
  readonly #backend: BlobBackend;
  readonly #catalog: Catalog;
  readonly #commits: Commits;
  readonly #recent: RecentAnswers<BlobRow>;
  readonly #pool: HashPool;
  readonly #intake: Intake;
  readonly #writing: Writing;
  readonly #quarantine: Quarantine;
  readonly #verifyReads: boolean;
  readonly #leaseMs: number;
  readonly #now: () => number;

  readonly #written = new Set<string>();

  constructor(parts: {
    readonly backend: BlobBackend;
    readonly catalog: Catalog;
    readonly commits: Commits;
    readonly recent: RecentAnswers<BlobRow>;
    readonly pool: HashPool;
    readonly intake: Intake;
    readonly writing: Writing;
    readonly quarantine: Quarantine;
    readonly verifyReads: boolean;
    readonly leaseMs: number;
    readonly now: () => number;
  }) {
    this.#backend = parts.backend;
    this.#catalog = parts.catalog;
    this.#commits = parts.commits;
    this.#recent = parts.recent;
    this.#pool = parts.pool;
    this.#intake = parts.intake;
    this.#writing = parts.writing;
    this.#quarantine = parts.quarantine;
    this.#verifyReads = parts.verifyReads;
    this.#leaseMs = parts.leaseMs;
    this.#now = parts.now;
  }

  /**
   * Stores a blob in one go. Durable and visible in the repository when it resolves; nothing of it is left when it rejects,
   * or soon after, when the place did not answer. Without `digest` the blob gets its SHA-256.
   * @throws StoreError DIGEST_INVALID, SIZE_INVALID, TOO_LARGE, UPLOAD_TRUNCATED, STORAGE_FULL
   */
  async put(repository: RepositoryName, source: ByteSource, digest?: Digest): Promise<BlobStat> {
    const id = randomUUID();
    const hasher = this.#pool.hasher(digest === undefined ? "sha256" : algorithmOf(digest));
    let writer: StageWriter | undefined;
    this.#written.add(id);
    try {
      writer = await this.#backend.beginStage(id, digest && freshKey(digest));
      const { end: size, broken } = await this.#intake.takeIn(source, 0, writer, hasher);
      if (broken !== undefined) throw broken;
      const actual = await hasher.digest();
      if (digest !== undefined && actual !== digest) {
        throw new StoreError("DIGEST_INVALID", `the bytes have the digest ${actual}, not ${digest}`);
      }
      await this.adopt(repository, id, writer, { digest: actual, size });
      return { digest: actual, size };
    } catch (error) {
      hasher.drop();
      await writer?.close().catch(() => undefined); // the first error is the one to tell
      // Of a place that does not answer it is the sweep that drops it: who sent the bytes would wait as long once more.
      const isAway = error instanceof StoreError && error.code === "STORAGE_UNAVAILABLE";
      if (!isAway) await this.#backend.dropStage(id).catch(() => undefined); // the sweep tries again
      throw error;
    } finally {
      this.#written.delete(id);
    }
  }

  /** Whether a `put` writes this stage now. */
  isWriting(stage: string): boolean {
    return this.#written.has(stage);
  }

  /**
   * Makes a stage whose digest has been verified a blob of the repository: first the bytes are durable, then the catalog
   * names them, then the caller may promise them.
   * @param also something more to do in that commit
   */
  async adopt(
    repository: RepositoryName,
    stage: string,
    writer: StageWriter,
    blob: BlobStat,
    also?: (tx: Catalog, blob: BlobStat) => Promise<void>,
  ): Promise<void> {
    const work = async (): Promise<void> => {
      const key = await writer.commit(await this.#placeFor(blob.digest));
      this.#quarantine.overtake(blob.digest);
      const now = this.#now();
      const isHealed = await this.#commits.commit(async (tx, tell) => {
        const home = await ensureRepository(tx, repository, now);
        const leasedUntil = now + this.#leaseMs;
        // Several may push it at once, and one of them heals it.
        const healed = await recordBlob(tx, { ...blob, key, leasedUntil }, now);
        if (healed) tell({ type: "blob.healed", ...blob });
        await also?.(tx, blob);
        if (await linkBlob(tx, home, blob.digest, now)) tell({ type: "blob.stored", repository, ...blob });
        await reviewBlob(tx, blob.digest, leasedUntil);
        return healed;
      });
      if (isHealed) this.#quarantine.released(blob.digest);
    };
    // The bytes may end up under the upload's own name: nobody may take them for left over either.
    await this.#writing.write(blob.digest, () => this.#writing.write(uploadKey(stage), work));
  }

  /**
   * In place of the bytes that are there; else under the digest itself, unless what lay there is being removed. On shared
   * places never under a name that was used before: a request to remove it may still be on its way, of a process that has
   * lost its lease.
   */
  async #placeFor(digest: Digest): Promise<BlobKey> {
    const { key, isRemoved } = await lyingUnder(this.#catalog, digest);
    return key ?? (this.#backend.shared || isRemoved ? freshKey(digest) : digest);
  }

  /**
   * Shows a blob of another repository in this one, without copying. Undefined when `source` does not show it;
   * whether the caller may look into it is for the caller to have checked. Undefined also for a blob that is marked as damaged.
   * @param source the other repository, or those of which any will do
   */
  async mount(
    repository: RepositoryName,
    digest: Digest,
    source: RepositoryName | Visible,
  ): Promise<BlobStat | undefined> {
    const now = this.#now();
    return await this.#commits.commit(async (tx, tell) => {
      const from = typeof source === "string" ? source : await repositoryWith(tx, digest, source);
      const blob = from === undefined ? undefined : await leaseShownBlob(tx, from, digest, now + this.#leaseMs);
      if (from === undefined || blob === undefined) return undefined;
      const home = await ensureRepository(tx, repository, now);
      const { size } = blob;
      if (await linkBlob(tx, home, digest, now)) tell({ type: "blob.mounted", repository, digest, size, from });
      await reviewBlob(tx, digest, now + this.#leaseMs);
      return { digest, size };
    });
  }

  /**
   * A blob that is marked as damaged is not there: who asks before a push is to push it.
   * @throws StoreError NAME_UNKNOWN, BLOB_UNKNOWN
   */
  async stat(repository: RepositoryName, digest: Digest): Promise<BlobStat> {
    const { size, damaged } = await this.#leased(repository, digest);
    if (damaged) throw await this.#unknown(repository, digest);
    return { digest, size };
  }

  /**
   * Where reads are verified, a stream or a copy of all its bytes fails with BLOB_DAMAGED before the last of them when they
   * are not right.
   * @throws StoreError NAME_UNKNOWN, BLOB_UNKNOWN, BLOB_DAMAGED
   */
  async open(repository: RepositoryName, digest: Digest): Promise<OpenBlob> {
    const { key, size, damaged } = await this.#leased(repository, digest);
    if (damaged) throw new StoreError("BLOB_DAMAGED", `${digest} was found damaged: push it again to heal it`);
    const quarantine = this.#quarantine;
    const reading = quarantine.begin(digest, key);
    let isVerified = false;
    try {
      const reader = await this.#openBytes(reading);
      if (reader?.size !== size) {
        await reader?.close();
        const found = reader === undefined ? "and is gone" : `and has ${reader.size}`;
        const detail = `${digest} should have ${size} bytes, ${found}: push it again to heal it`;
        await quarantine.mark(reading, detail, reader === undefined ? "none" : "other");
        throw new StoreError("BLOB_DAMAGED", detail);
      }
      if (reader.held !== undefined || !this.#verifyReads) return { digest, size, reader };
      isVerified = true;
      const onDamage = (detail: string): Promise<void> => quarantine.mark(reading, detail);
      const init = { digest, pool: this.#pool, onDamage, onEnd: () => quarantine.end(reading) };
      return { digest, size, reader: new VerifiedReader(reader, init) };
    } finally {
      if (!isVerified) quarantine.end(reading);
    }
  }

  /** Of small ones the digest is looked at here. */
  async #openBytes(reading: Reading): Promise<BlobReader | undefined> {
    try {
      return await this.#backend.openBlob(reading.key);
    } catch (error) {
      if (isDamage(error)) await this.#quarantine.mark(reading, error.message);
      throw error;
    }
  }

  /** Whoever hears that it is there may rely on it. Renewed at half time, so that most questions write nothing. */
  async #leased(repository: RepositoryName, digest: Digest): Promise<Pick<BlobRow, "key" | "size" | "damaged">> {
    const now = this.#now();
    const row = await this.#recent.get(
      `${repository}@${digest}`,
      () => blobOf(this.#catalog, repository, digest),
      () => 500,
    );
    if (row?.damaged === true) return row;
    if (row !== undefined && !row.condemned && row.leasedUntil - now >= this.#leaseMs / 2 && row.leasedUntil > now) {
      return row;
    }
    if (row === undefined) throw await this.#unknown(repository, digest);
    const leasing = this.#commits.commit((tx) => leaseShownBlob(tx, repository, digest, now + this.#leaseMs));
    const leased = await leasing.catch((error: unknown) => {
      if (isUnwritable(error) && !row.condemned) return row;
      throw error;
    });
    if (leased === undefined) throw await this.#unknown(repository, digest);
    return leased;
  }

  /** Hides a blob from the repository. Others keep theirs. @throws StoreError NAME_UNKNOWN, BLOB_UNKNOWN */
  async remove(repository: RepositoryName, digest: Digest): Promise<void> {
    const gone = await this.#commits.commit(async (tx, tell) => {
      const home = await repositoryId(tx, repository);
      const was = home !== undefined && (await unlinkBlob(tx, home, digest));
      if (was) {
        await reviewBlob(tx, digest, this.#now());
        tell({ type: "blob.removed", repository, digest });
      }
      return was;
    });
    if (!gone) throw await this.#unknown(repository, digest);
  }

  async #unknown(repository: RepositoryName, digest: Digest): Promise<StoreError> {
    return (await repositoryId(this.#catalog, repository)) === undefined
      ? new StoreError("NAME_UNKNOWN", `there is no repository ${repository}`)
      : new StoreError("BLOB_UNKNOWN", `${repository} has no blob ${digest}`);
  }
}

function isDamage(error: unknown): error is StoreError {
  return error instanceof StoreError && error.code === "BLOB_DAMAGED";
}
