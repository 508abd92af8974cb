import type { Catalog, Visible } from "../catalog/index.ts";
import type { Digest, DigestAlgorithm } from "../digest/index.ts";
import type { RepositoryName } from "../names/index.ts";
import type { ByteSource, RunningUpload, Sessions, SweepResult, UploadStatus } from "../uploads/index.ts";
import type { Blobs, BlobStat } from "./blobs.ts";

/**
 * Blobs that come in parts. All methods but `start` and `sweep` throw StoreError BLOB_UPLOAD_UNKNOWN for an upload that is
 * not, or no longer, one of the repository; those that write throw UPLOAD_BUSY while another request writes it.
 */
export class Uploads {
  readonly #sessions: Sessions;
  readonly #blobs: Blobs;
  readonly #sweep: () => Promise<SweepResult>;

  constructor(parts: {
    readonly sessions: Sessions;
    readonly blobs: Blobs;
    readonly sweep: () => Promise<SweepResult>;
  }) {
    this.#sessions = parts.sessions;
    this.#blobs = parts.blobs;
    this.#sweep = parts.sweep;
  }

  /** @param algorithm of the digest it will be finished with; another one costs a second reading of the bytes */
  async start(repository: RepositoryName, algorithm: DigestAlgorithm = "sha256"): Promise<UploadStatus> {
    return await this.#sessions.start(repository, algorithm);
  }

  async status(repository: RepositoryName, id: string): Promise<UploadStatus> {
    return await this.#sessions.status(repository, id);
  }

  /**
   * Appends. What came before a failure is kept, and `status` tells how much.
   * @param offset where the sender believes its first byte belongs; RANGE_INVALID when that is not the end
   */
  async append(repository: RepositoryName, id: string, source: ByteSource, offset?: number): Promise<UploadStatus> {
    return await this.#sessions.append(repository, id, source, offset);
  }

  /**
   * Takes the last bytes, if there are any, and makes the upload a blob, durable and visible when this resolves.
   * @param digest that the bytes must have; undefined: any
   * @param also something more to do in the commit that ends the upload
   * @throws StoreError DIGEST_INVALID: the upload is gone then
   */
  async finish(
    repository: RepositoryName,
    id: string,
    digest: Digest | undefined,
    last?: { readonly source: ByteSource; readonly offset?: number },
    also?: (tx: Catalog, blob: BlobStat) => Promise<void>,
  ): Promise<BlobStat> {
    return await this.#sessions.finish(
      repository,
      id,
      digest,
      last && { source: last.source, offset: last.offset },
      (writer, blob, end) =>
        this.#blobs.adopt(repository, id, writer, blob, async (tx) => {
          await end(tx);
          await also?.(tx, blob);
        }),
    );
  }

  /** Uploads that somebody may see, by id; one without bytes appears a second after it began. */
  async list(page: {
    readonly limit: number;
    readonly after?: string;
    readonly visible?: Visible;
  }): Promise<{ readonly uploads: readonly RunningUpload[]; readonly more: boolean }> {
    const { visible = {}, after = "", limit } = page;
    const uploads = await this.#sessions.list({ visible, after, limit: limit + 1 });
    return { uploads: uploads.slice(0, limit), more: uploads.length > limit };
  }

  /** Which repository an upload is of. @throws StoreError BLOB_UPLOAD_UNKNOWN */
  async repositoryOf(id: string): Promise<RepositoryName> {
    return await this.#sessions.repositoryOf(id);
  }

  async cancel(repository: RepositoryName, id: string): Promise<void> {
    await this.#sessions.cancel(repository, id);
  }

  /** Removes expired uploads and bytes that no upload owns. The store does it by itself, at its start and then regularly. */
  async sweep(): Promise<SweepResult> {
    return await this.#sweep();
  }
}
