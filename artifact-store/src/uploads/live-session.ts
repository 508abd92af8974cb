import type { BlobBackend, StageWriter } from "../blobs/index.ts";
import type { UploadRow } from "../catalog/index.ts";
import type { Digest, DigestAlgorithm, Hasher, HashPool } from "../digest/index.ts";
import { StoreError } from "../errors/index.ts";
import type { ByteSource, Intake } from "./intake.ts";

/**
 * A session as this process holds it between requests: its file open, its digest running.
 *
 * The running digest is rebuilt from the stage's bytes where it is not there: after a restart, or when the closing request
 * names another algorithm than the session began with. A digest whose state can be saved exists only as WebAssembly;
 * measured, it hashes 290 MB/s where Node's own does 1,690, so it would tax every push to spare the rare one a second
 * look at its bytes.
 */
export class LiveSession {
  upload: UploadRow;
  readonly #backend: BlobBackend;
  readonly #pool: HashPool;
  #writer: Promise<StageWriter> | undefined;
  /** The digest of the first `#hashed` bytes. */
  #hasher: Hasher | undefined;
  #hashed = 0;

  constructor(
    upload: UploadRow,
    parts: { readonly backend: BlobBackend; readonly pool: HashPool },
    writer?: StageWriter,
  ) {
    this.upload = upload;
    this.#backend = parts.backend;
    this.#pool = parts.pool;
    if (writer !== undefined) this.#writer = Promise.resolve(writer);
  }

  /** @throws StoreError BLOB_UPLOAD_UNKNOWN when there is no such stage */
  async writer(): Promise<StageWriter> {
    return await (this.#writer ??= this.#backend.writeStage(this.upload.id));
  }

  async size(): Promise<number> {
    return await (await this.writer()).size();
  }

  /** Appends, and answers the offset behind the last byte. What came before a failure is kept. */
  async take(source: ByteSource, offset: number | undefined, intake: Intake): Promise<number> {
    const size = await this.size();
    if (offset !== undefined && offset !== size) {
      throw new StoreError("RANGE_INVALID", `the next byte of this upload is ${size}, not ${offset}`);
    }
    const hasher = await this.#hasherAt(size, this.upload.algorithm);
    let broken: StoreError | undefined;
    try {
      const taken = await intake.takeIn(source, size, await this.writer(), hasher);
      this.#hashed = taken.end;
      broken = taken.broken;
    } catch (error) {
      // How much of the last batch was hashed is not known: whoever goes on reads the bytes again.
      this.#dropHasher();
      throw error;
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
    const writer = await this.#writer?.catch(() => undefined);
    try {
      await writer?.close();
    } catch {
      await this.#backend.dropStage(this.upload.id).catch(() => undefined); // the sweep tries again
    }
  }

  async #hasherAt(size: number, algorithm: DigestAlgorithm): Promise<Hasher> {
    if (this.#hasher?.algorithm === algorithm && this.#hashed === size) return this.#hasher;
    this.#dropHasher();
    const hasher = this.#pool.hasher(algorithm);
    if (size > 0) {
      for await (const chunk of this.#backend.readStage(this.upload.id)) await hasher.update([chunk as Uint8Array]);
    }
    this.#hasher = hasher;
    this.#hashed = size;
    return hasher;
  }

  #dropHasher(): void {
    this.#hasher?.drop();
    this.#hasher = undefined;
    this.#hashed = 0;
  }
}
