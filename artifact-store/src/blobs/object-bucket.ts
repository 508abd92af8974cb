import { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import type * as AwsS3 from "@aws-sdk/client-s3";
import { release } from "../streams/index.ts";
import type { ByteRange } from "./contract.ts";
import type { BucketLocation } from "./location.ts";
import { defaultRetryPolicy, retrying, type RetryPolicy } from "./retry.ts";
import { isConflict, isInvalidPart, isMissing, isMissingUpload, s3Failure } from "./s3-errors.ts";
import { Turnstile } from "./turnstile.ts";
import { watchRequests, type BlobRequest } from "./watch-requests.ts";

/** Bytes to send, as often as it takes. */
export interface Sendable {
  readonly size: number;
  open(): Readable | Uint8Array;
}

export interface ObjectBody {
  readonly size: number;
  readonly body: Readable;
}

export interface UploadedPart {
  readonly number: number;
  readonly etag: string;
}

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface BucketOptions {
  /** Undefined: where the AWS tools look for them, too (environment, profile, web identity, instance). */
  readonly credentials?: S3Credentials;
  readonly retry?: RetryPolicy;
  /** After so long without a byte in either direction an attempt has failed. Milliseconds. */
  readonly idleTimeoutMs?: number;
  /** Told of each request, also of each attempt, when it has ended. */
  readonly onRequest?: (request: BlobRequest) => void;
}

/** To wait for a connection; and without a byte in either direction. A body that flows may take as long as it likes. */
const connectionTimeoutMs = 5000;
const defaultIdleTimeoutMs = 30_000;

/** Of all uploads together: enough to fill a line, and each holds memory. */
const mostPartsAtOnce = 16;

type Sdk = typeof AwsS3;

/**
 * The requests that the backend makes, by keys below the prefix; each is tried again while that can help, with a new body.
 * All reject with StoreError STORAGE_UNAVAILABLE, STORAGE_REFUSED or STORAGE_FULL.
 */
export class ObjectBucket {
  readonly location: BucketLocation;
  readonly #sdk: Sdk;
  readonly #client: AwsS3.S3Client;
  readonly #retry: RetryPolicy;
  readonly #partsAtOnce = new Turnstile(mostPartsAtOnce);

  private constructor(sdk: Sdk, location: BucketLocation, options: BucketOptions) {
    this.location = location;
    this.#sdk = sdk;
    this.#retry = options.retry ?? defaultRetryPolicy;
    const agent = { keepAlive: true, maxSockets: 256 };
    this.#client = new sdk.S3Client({
      ...(location.endpoint === undefined ? {} : { endpoint: location.endpoint }),
      ...(location.region === undefined ? {} : { region: location.region }),
      ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
      forcePathStyle: location.pathStyle,
      // Checksums of newer S3 are not known to others: Ceph answers them with an error or ignores them.
      requestChecksumCalculation: "WHEN_REQUIRED",
      responseChecksumValidation: "WHEN_REQUIRED",
      // Attempts are ours: only we can open a body again.
      maxAttempts: 1,
      requestHandler: {
        connectionTimeout: connectionTimeoutMs,
        socketTimeout: options.idleTimeoutMs ?? defaultIdleTimeoutMs,
        httpAgent: agent,
        httpsAgent: agent,
      },
    });
    if (options.onRequest !== undefined) watchRequests(this.#client, options.onRequest);
  }

  /** Loads the client, which is large: only who keeps bytes in S3 pays for it. */
  static async open(location: BucketLocation, options: BucketOptions = {}): Promise<ObjectBucket> {
    return new ObjectBucket(await import("@aws-sdk/client-s3"), location, options);
  }

  /** @returns false when `onlyNew` was asked for, the server honours it, and there is one */
  async put(key: string, body: Sendable, onlyNew = false): Promise<boolean> {
    return await this.#try(async (attempt) => {
      // Later attempts would lose against an earlier one whose answer was lost.
      const isConditional = onlyNew && attempt === 1;
      try {
        const command = new this.#sdk.PutObjectCommand({
          ...this.#at(key),
          Body: body.open(),
          ContentLength: body.size,
          ...(isConditional ? { IfNoneMatch: "*" } : {}),
        });
        await this.#client.send(command);
        return true;
      } catch (error) {
        if (isConditional && isConflict(error)) return false;
        throw error;
      }
    });
  }

  /** Undefined when there is none. */
  async get(key: string, range?: ByteRange): Promise<ObjectBody | undefined> {
    return await this.#try(async () => {
      try {
        const command = new this.#sdk.GetObjectCommand({
          ...this.#at(key),
          ...(range === undefined ? {} : { Range: `bytes=${range.start}-${range.end}` }),
        });
        const { Body: body, ContentLength: size = 0 } = await this.#client.send(command);
        if (!(body instanceof Readable)) throw new Error("the answer has no body");
        // It may break before anybody reads it; who reads it is told then.
        body.on("error", () => undefined);
        if (body instanceof IncomingMessage) releaseReads(body);
        return { size, body };
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    });
  }

  async size(key: string): Promise<number | undefined> {
    return await this.#try(async () => {
      try {
        return (await this.#client.send(new this.#sdk.HeadObjectCommand(this.#at(key)))).ContentLength ?? 0;
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    });
  }

  async remove(key: string): Promise<void> {
    await this.#try(async () => {
      try {
        await this.#client.send(new this.#sdk.DeleteObjectCommand(this.#at(key)));
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
    });
  }

  /** Names below `folder` in byte order, those behind `from`. What was written last may be missing on some servers. */
  async *list(
    folder: string,
    from = "",
  ): AsyncGenerator<{ readonly name: string; readonly size: number; readonly modifiedAt: number }> {
    const prefix = `${this.location.prefix}${folder}`;
    for (let after: string | undefined; ;) {
      const page = await this.#try(() =>
        this.#client.send(
          new this.#sdk.ListObjectsV2Command({
            Bucket: this.location.bucket,
            Prefix: prefix,
            ...(from === "" ? {} : { StartAfter: `${prefix}${from}` }),
            ...(after === undefined ? {} : { ContinuationToken: after }),
          }),
        ),
      );
      for (const { Key: key, Size: size = 0, LastModified: modified } of page.Contents ?? []) {
        if (key !== undefined) yield { name: key.slice(prefix.length), size, modifiedAt: modified?.getTime() ?? 0 };
      }
      after = page.NextContinuationToken;
      if (after === undefined) return;
    }
  }

  async beginParts(key: string): Promise<string> {
    return await this.#try(async () => {
      const { UploadId: id } = await this.#client.send(new this.#sdk.CreateMultipartUploadCommand(this.#at(key)));
      if (id === undefined) throw new Error("the server gave no id for an upload in parts");
      return id;
    });
  }

  /** @returns the part's ETag; undefined when there is no such upload any more */
  async putPart(key: string, upload: string, number: number, body: Sendable): Promise<string | undefined> {
    const send = async (): Promise<string | undefined> => {
      try {
        const { ETag: etag } = await this.#client.send(
          new this.#sdk.UploadPartCommand({
            ...this.#at(key),
            UploadId: upload,
            PartNumber: number,
            Body: body.open(),
            ContentLength: body.size,
          }),
        );
        if (etag === undefined) throw new Error("the server gave no ETag for a part");
        return etag;
      } catch (error) {
        if (isMissingUpload(error)) return undefined;
        throw error;
      }
    };
    return await this.#try(() => this.#partsAtOnce.pass(send));
  }

  /** @returns false when there is no such upload any more: it was completed, or given up */
  async completeParts(key: string, upload: string, parts: readonly UploadedPart[]): Promise<boolean> {
    const completed: AwsS3.CompletedPart[] = parts.map(({ number, etag }) => ({ PartNumber: number, ETag: etag }));
    return await this.#try(async (attempt) => {
      try {
        await this.#client.send(
          new this.#sdk.CompleteMultipartUploadCommand({
            ...this.#at(key),
            UploadId: upload,
            MultipartUpload: { Parts: completed },
          }),
        );
        return true;
      } catch (error) {
        if (isMissingUpload(error)) return false;
        // Ceph says so, too, when an earlier attempt completed the upload just now, or still does.
        if (isInvalidPart(error) && attempt > 1) return false;
        throw error;
      }
    });
  }

  async dropParts(key: string, upload: string): Promise<void> {
    await this.#try(async () => {
      try {
        await this.#client.send(new this.#sdk.AbortMultipartUploadCommand({ ...this.#at(key), UploadId: upload }));
      } catch (error) {
        if (!isMissingUpload(error)) throw error;
      }
    });
  }

  /** Ids of uploads in parts to exactly this key that were neither completed nor given up. */
  async partUploads(key: string): Promise<string[]> {
    const { Bucket, Key } = this.#at(key);
    const { Uploads: uploads = [] } = await this.#try(() =>
      this.#client.send(new this.#sdk.ListMultipartUploadsCommand({ Bucket, Prefix: Key })),
    );
    return uploads.flatMap((one) => (one.Key === Key && one.UploadId !== undefined ? [one.UploadId] : []));
  }

  close(): void {
    this.#client.destroy();
  }

  #at(key: string): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.location.bucket, Key: `${this.location.prefix}${key}` };
  }

  async #try<T>(work: (attempt: number) => Promise<T>): Promise<T> {
    return await retrying(async (attempt) => {
      try {
        return await work(attempt);
      } catch (error) {
        throw s3Failure(error, this.location);
      }
    }, this.#retry);
  }
}

/**
 * What was read off the connection is copied by the parser into the chunks of the body; the parser listens before us, so the
 * copy is made. Left to the garbage collector, it would be thirty megabytes under a fast pull.
 */
function releaseReads(answer: IncomingMessage): void {
  const { socket } = answer;
  socket.on("data", release);
  // Before the connection's next request reads anything.
  answer.once("close", () => socket.off("data", release));
}
