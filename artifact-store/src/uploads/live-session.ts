import type { BlobBackend, StageWriter } from "../blobs/index.ts";
import type { UploadRow } from "../catalog/index.ts";
import type { Digest, DigestAlgorithm, Hasher, HashPool, ResumableHasher } from "../digest/index.ts";
import { StoreError } from "../errors/index.ts";
import type { ByteSource, Intake } from "./intake.ts";

/**
 * A session as this process holds it between requests: its stage open, its digest running.
 *
 * After a restart, and when the closing request names another algorithm than the session began with, the digest is rebuilt
 * from the stage's bytes, where those can be read again: Node's own hash does 1,690 MB/s where one whose state can be
 * saved, which exists only as WebAssembly, does 290. Where they cannot (parts of an unfinished upload to S3) the digest is of
 * that slower kind, and its state is saved at every boundary.
 */
export class LiveSession {
  upload: UploadRow;
  readonly #backend: BlobBackend;
  readonly #pool: HashPool;
  #writer: Promise<StageWriter> | undefined;
  /** Begun by this process, and not yet flushed. */
  #isBegun: boolean;
  #isTaking = false;
  /** The digest of the first `#hashed` bytes. */
  #hasher: Hasher | ResumableHasher | undefined;
  #hashed = 0;

  constructor(
    upload: UploadRow,
    parts: { readonly backend: BlobBackend; readonly pool: HashPool },
    writer?: StageWriter,
  ) {
    this.upload = upload;
    this.#backend = parts.backend;
    this.#pool = parts.pool;
    this.#isBegun = writer !== undefined;
    if (writer !== undefined) this.#writer = Promise.resolve(writer);
  }

  /** @throws StoreError BLOB_UPLOAD_UNKNOWN when there is no such stage */
  async writer(): Promise<StageWriter> {
    return await (this.#writer ??= this.#isBegun ? this.#beginAgain() : this.#backend.writeStage(this.upload.id));
  }

  /** Nothing was kept yet, and the writer is gone with what it had: the session is as it was at its start. */
  async #beginAgain(): Promise<StageWriter> {
    await this.#backend.dropStage(this.upload.id);
    return await this.#backend.beginStage(this.upload.id);
  }

  async size(): Promise<number> {
    return await (await this.writer()).size();
  }

  /** Has the backend keep what is there, for a session that is about to be promised. */
  async flush(): Promise<void> {
    // While bytes come the next boundary is theirs to make: one in between would be without their digest.
    if (this.#isTaking) return;
    await (await this.writer()).flush();
    this.#isBegun = false;
  }

  /**
   * Appends, and answers the offset behind the last byte. What came before a source that broke is kept.
   * @param last nobody is told how far it got when it succeeds: the commit comes next
   */
  async take(source: ByteSource, offset: number | undefined, intake: Intake, last = false): Promise<number> {
    const size = await this.size();
    if (offset !== undefined && offset !== size) {
      throw new StoreError("RANGE_INVALID", `the next byte of this upload is ${size}, not ${offset}`);
    }
    const hasher = await this.#hasherAt(size, this.upload.algorithm);
    let broken: StoreError | undefined;
    this.#isTaking = true;
    try {
      const everyBytes = this.#backend.flushEveryBytes;
      const make = (): Promise<void> => this.#makeBoundary();
      const boundary = everyBytes === undefined ? undefined : { everyBytes, make };
      const taken = await intake.takeIn(source, size, await this.writer(), hasher, boundary);
      this.#hashed = taken.end;
      broken = taken.broken;
      if (!last || broken !== undefined) await this.#makeBoundary();
    } catch (error) {
      // How much of the last batch was hashed is not known: whoever goes on reads the bytes again, or goes back to the last
      // boundary.
      this.#dropHasher();
      if (!this.#backend.rereadsStages) await this.#closeWriter();
      throw error;
    } finally {
      this.#isTaking = false;
    }
    if (broken !== undefined) throw broken;
    return this.#hashed;
  }

  /** The digest of the first `size` bytes, which are all there are. */
  async digest(size: number, algorithm: DigestAlgorithm): Promise<Digest> {
    const hasher = await this.#hasherAt(size, algorithm);
    this.#hasher = undefined;
    return await hasher.digest();
  }

  /** Never rejects. A stage whose bytes the medium has lost goes with its writer. */
  async close(): Promise<void> {
    this.#dropHasher();
    await this.#closeWriter();
  }

  async #closeWriter(): Promise<void> {
    const writer = await this.#writer?.catch(() => undefined);
    this.#writer = undefined;
    try {
      await writer?.close();
    } catch {
      await this.#backend.dropStage(this.upload.id).catch(() => undefined); // the sweep tries again
    }
  }

  async #hasherAt(size: number, algorithm: DigestAlgorithm): Promise<Hasher> {
    if (this.#hasher?.algorithm === algorithm && this.#hashed === size) return this.#hasher;
    this.#dropHasher();
    const resumed = await this.#resumed(size, algorithm);
    const hasher = resumed ?? this.#pool.hasher(algorithm);
    if (size > 0 && resumed === undefined) {
      for await (const chunk of this.#backend.readStage(this.upload.id)) await hasher.update(chunk as Uint8Array);
    }
    this.#hasher = hasher;
    this.#hashed = size;
    return hasher;
  }

  /** A digest that goes on where the last boundary was, also of another process. */
  async #resumed(size: number, algorithm: DigestAlgorithm): Promise<ResumableHasher | undefined> {
    if (this.#backend.rereadsStages || algorithm !== this.upload.algorithm) return undefined;
    if (size === 0) return this.#pool.resumableHasher(algorithm);
    const saved = await (await this.writer()).savedHash();
    return saved?.algorithm === algorithm ? this.#pool.resumableHasher(algorithm, saved.state) : undefined;
  }

  async #makeBoundary(): Promise<void> {
    if (this.#backend.rereadsStages) return;
    const { algorithm } = this.upload;
    const hasher = this.#hasher;
    const state = hasher !== undefined && "save" in hasher ? await hasher.save() : undefined;
    await (await this.writer()).flush(state === undefined ? undefined : { algorithm, state });
    this.#isBegun = false;
  }

  #dropHasher(): void {
    this.#hasher?.drop();
    this.#hasher = undefined;
    this.#hashed = 0;
  }
}
