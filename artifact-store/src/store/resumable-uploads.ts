import { createHash, randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Spool } from "../blobs/index.ts";
import {
  deleteResumableUpload,
  findResumableUpload,
  finishResumableUpload,
  forgetResumableUploads,
  insertResumableUpload,
  setUploadLength,
  type Catalog,
  type Commits,
  type ResumableUploadRow,
  type UploadPart,
} from "../catalog/index.ts";
import type { Digest } from "../digest/index.ts";
import { StoreError } from "../errors/index.ts";
import { isUuid, type RepositoryName } from "../names/index.ts";
import type { ByteSource } from "../uploads/index.ts";
import type { Blobs, BlobStat } from "./blobs.ts";
import type { Uploads } from "./uploads.ts";

/** A resumable upload as its sender may ask for it, also after its end. Times are milliseconds since 1970. */
export interface ResumableUpload {
  readonly id: string;
  readonly part: UploadPart;
  /** Bytes that are kept: where the next one belongs. */
  readonly offset: number;
  /** Bytes of the whole; undefined while its sender has not said. */
  readonly length: number | undefined;
  readonly metadata: string | undefined;
  readonly expiresAt: number;
  /** What it has become; undefined while bytes are missing. */
  readonly digest: Digest | undefined;
}

/** How the bytes of one request can be checked before they are kept. */
export interface ChunkChecksum {
  /** As Node's crypto names it. */
  readonly algorithm: "md5" | "sha1" | "sha256" | "sha512";
  readonly value: Uint8Array;
}

export interface NewResumableUpload {
  readonly part?: "whole" | "partial";
  readonly length?: number;
  /** The digest that the bytes must have. */
  readonly expected?: Digest;
  readonly metadata?: string;
}

const longestUploadMetadata = 4096;
const mostParts = 1000;

/**
 * Uploads for senders that know a length rather than a digest, and that come back after their end to hear how it went. Each
 * is a session of `Uploads` with some facts beside it: whoever has its id may also go on with it through that door.
 *
 * All methods but `create` and `join` throw StoreError BLOB_UPLOAD_UNKNOWN for one that is not the repository's; those that
 * write throw UPLOAD_BUSY while another request writes it.
 */
export class ResumableUploads {
  readonly #catalog: Catalog;
  readonly #commits: Commits;
  readonly #uploads: Uploads;
  readonly #blobs: Blobs;
  readonly #spoolFolder: string;
  readonly #lifetimeMs: number;
  readonly #largestBlobBytes: number;
  readonly #now: () => number;

  /** @param parts.folder where bytes lie while their checksum is not known to be right */
  constructor(parts: {
    readonly catalog: Catalog;
    readonly commits: Commits;
    readonly uploads: Uploads;
    readonly blobs: Blobs;
    readonly folder: string;
    readonly lifetimeMs: number;
    readonly largestBlobBytes: number;
    readonly now: () => number;
  }) {
    this.#catalog = parts.catalog;
    this.#commits = parts.commits;
    this.#uploads = parts.uploads;
    this.#blobs = parts.blobs;
    this.#spoolFolder = parts.folder;
    this.#lifetimeMs = parts.lifetimeMs;
    this.#largestBlobBytes = parts.largestBlobBytes;
    this.#now = parts.now;
  }

  /** @throws StoreError TOO_LARGE, SIZE_INVALID */
  async create(repository: RepositoryName, upload: NewResumableUpload): Promise<ResumableUpload> {
    const { length, metadata, expected, part = "whole" } = upload;
    if (length !== undefined && length > this.#largestBlobBytes) {
      throw new StoreError("TOO_LARGE", `a blob may have at most ${this.#largestBlobBytes} bytes, not ${length}`);
    }
    if (metadata !== undefined && metadata.length > longestUploadMetadata) {
      throw new StoreError("SIZE_INVALID", `metadata has at most ${longestUploadMetadata} characters`);
    }
    const algorithm = expected?.startsWith("sha512:") === true ? "sha512" : "sha256";
    const { id, expiresAt } = await this.#uploads.start(repository, algorithm);
    const row = { id, repository, part, length, expected, metadata, digest: undefined, expiresAt };
    await this.#commits.commit((tx) => insertResumableUpload(tx, row));
    return { ...row, offset: 0 };
  }

  /** What is kept of it, or what it has become. */
  async status(repository: RepositoryName, id: string): Promise<ResumableUpload> {
    const row = await this.#row(repository, id);
    if (row.digest !== undefined) return { ...row, offset: row.length ?? 0 };
    try {
      return { ...row, ...(await this.#uploads.status(repository, id)) };
    } catch (error) {
      // It may have ended as a blob between the two questions.
      const again = await findResumableUpload(this.#catalog, id);
      if (again?.digest !== undefined) return { ...again, offset: again.length ?? 0 };
      throw error;
    }
  }

  /** Says the length of one that had none. @throws StoreError SIZE_INVALID when another one was said, or it has more bytes */
  async declareLength(repository: RepositoryName, id: string, length: number): Promise<ResumableUpload> {
    const upload = await this.status(repository, id);
    if (upload.length === length) return upload;
    if (upload.length !== undefined || length < upload.offset) {
      const said = upload.length === undefined ? `has ${upload.offset} bytes` : `was to have ${upload.length} bytes`;
      throw new StoreError("SIZE_INVALID", `this upload ${said}; it cannot have ${length}`);
    }
    if (length > this.#largestBlobBytes) {
      throw new StoreError("TOO_LARGE", `a blob may have at most ${this.#largestBlobBytes} bytes, not ${length}`);
    }
    await this.#commits.commit((tx) => setUploadLength(tx, id, length));
    return { ...upload, length };
  }

  /**
   * Appends. What came before a failure is kept, unless a checksum covers it: then all of the chunk counts, or nothing.
   * @param offset where the sender believes its first byte belongs
   * @throws StoreError RANGE_INVALID when that is not the end, SIZE_INVALID beyond the length, CHECKSUM_INVALID
   */
  async append(
    repository: RepositoryName,
    id: string,
    source: ByteSource,
    offset: number,
    checksum?: ChunkChecksum,
  ): Promise<ResumableUpload> {
    const upload = await this.status(repository, id);
    const { length } = upload;
    if (upload.digest !== undefined) return atTheEnd(upload, offset);
    const most = length === undefined ? undefined : Math.max(0, length - offset);
    if (source.length !== undefined && most !== undefined && source.length > most) {
      throw new StoreError("SIZE_INVALID", `the upload has room for ${most} bytes more, and ${source.length} are sent`);
    }
    const bounded = most === undefined ? source : { ...source, most };
    if (checksum === undefined) {
      return { ...upload, ...(await this.#uploads.append(repository, id, bounded, offset)) };
    }
    await using verified = await this.#verified(bounded, checksum);
    return { ...upload, ...(await this.#uploads.append(repository, id, verified.source, offset)) };
  }

  /** Makes it a blob when all of its bytes are there. @throws StoreError DIGEST_INVALID: the upload is gone then */
  async finish(repository: RepositoryName, id: string): Promise<ResumableUpload & BlobStat> {
    const row = await this.#row(repository, id);
    if (row.digest !== undefined) return { ...row, digest: row.digest, size: row.length ?? 0, offset: row.length ?? 0 };
    const { offset } = await this.#uploads.status(repository, id);
    if (row.length !== undefined && offset !== row.length) {
      throw new StoreError("SIZE_INVALID", `the upload has ${offset} of its ${row.length} bytes`);
    }
    const expiresAt = this.#now() + this.#lifetimeMs;
    const blob = await this.#uploads.finish(repository, id, row.expected, undefined, (tx, made) =>
      finishResumableUpload(tx, id, made, expiresAt),
    );
    return { ...row, ...blob, offset: blob.size, length: blob.size, expiresAt };
  }

  /**
   * One blob of several uploads that are complete, in this order. They stay what they are.
   * @throws StoreError BLOB_UPLOAD_UNKNOWN, SIZE_INVALID when one of them is not complete
   */
  async join(
    repository: RepositoryName,
    ids: readonly string[],
    made: { readonly expected?: Digest; readonly metadata?: string },
  ): Promise<ResumableUpload & BlobStat> {
    if (ids.length === 0 || ids.length > mostParts) {
      throw new StoreError("SIZE_INVALID", `an upload is joined from 1 to ${mostParts} others`);
    }
    const digests: Digest[] = [];
    for (const id of ids) {
      const part = await this.#row(repository, id);
      if (part.digest === undefined) throw new StoreError("SIZE_INVALID", `the partial upload ${id} is not complete`);
      digests.push(part.digest);
    }
    const blob = await this.#blobs.put(repository, { chunks: this.#chunksOf(repository, digests) }, made.expected);
    const row: ResumableUploadRow = {
      id: randomUUID(),
      repository,
      part: "final",
      length: blob.size,
      expected: made.expected,
      metadata: made.metadata,
      digest: blob.digest,
      expiresAt: this.#now() + this.#lifetimeMs,
    };
    await this.#commits.commit((tx) => insertResumableUpload(tx, row));
    return { ...row, ...blob, offset: blob.size };
  }

  /** Forgets an upload. A blob that it has become stays as long as something needs it. */
  async cancel(repository: RepositoryName, id: string): Promise<void> {
    const row = await this.#row(repository, id);
    if (row.digest === undefined) await this.#uploads.cancel(repository, id);
    await this.#commits.commit((tx) => deleteResumableUpload(tx, id));
  }

  /** Forgets what has expired. */
  async sweep(): Promise<void> {
    await this.#commits.commit((tx) => forgetResumableUploads(tx, this.#now()));
  }

  async #row(repository: RepositoryName, id: string): Promise<ResumableUploadRow> {
    const row = isUuid(id) ? await findResumableUpload(this.#catalog, id) : undefined;
    if (row !== undefined && row.repository === repository) return row;
    const detail = "there is no such upload in this repository: it was cancelled, has expired, or never was";
    throw new StoreError("BLOB_UPLOAD_UNKNOWN", detail);
  }

  async *#chunksOf(repository: RepositoryName, digests: readonly Digest[]): AsyncGenerator<Uint8Array> {
    for (const digest of digests) {
      const { reader } = await this.#blobs.open(repository, digest);
      yield* reader.stream() as AsyncIterable<Uint8Array>;
    }
  }

  /** Gathers the bytes where nobody counts them, and gives them on once they are what they should be. */
  async #verified(
    source: ByteSource,
    checksum: ChunkChecksum,
  ): Promise<{ readonly source: ByteSource } & AsyncDisposable> {
    await mkdir(this.#spoolFolder, { recursive: true });
    const spool = new Spool(join(this.#spoolFolder, randomUUID()));
    try {
      const hash = createHash(checksum.algorithm);
      const most = Math.min(source.most ?? Number.MAX_SAFE_INTEGER, this.#largestBlobBytes);
      for await (const chunk of source.chunks) {
        if (spool.size + chunk.byteLength > most) {
          throw new StoreError("SIZE_INVALID", `the upload has room for ${most} bytes more, and more came`);
        }
        hash.update(chunk);
        await spool.append(chunk);
      }
      if (!hash.digest().equals(checksum.value)) {
        throw new StoreError(
          "CHECKSUM_INVALID",
          "the bytes do not have the checksum that came with them; send them again",
        );
      }
      const bytes = spool.open();
      const chunks = bytes instanceof Uint8Array ? onlyChunk(bytes) : (bytes as AsyncIterable<Uint8Array>);
      return {
        source: { chunks, length: spool.size },
        [Symbol.asyncDispose]: () => spool.remove(),
      };
    } catch (error) {
      await spool.remove();
      throw error instanceof StoreError ? error : truncated(error);
    }
  }
}

async function* onlyChunk(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}

function truncated(cause: unknown): StoreError {
  const detail =
    "the body ended before it was complete, and without all of it its checksum says nothing: send it again";
  return new StoreError("UPLOAD_TRUNCATED", detail, { cause });
}

/** Somebody who missed the answer sends the end again: nothing is written, and the answer is the same. */
function atTheEnd(upload: ResumableUpload, offset: number): ResumableUpload {
  if (offset === upload.offset) return upload;
  throw new StoreError("RANGE_INVALID", `this upload is complete with ${upload.offset} bytes`);
}
