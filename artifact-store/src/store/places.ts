import { randomUUID } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Database } from "@waybill/foundation/database";
import { UserError } from "@waybill/foundation/errors";
import {
  movingBackend,
  openBlobs,
  parseBlobLocation,
  withCache,
  withLimit,
  withRetry,
  type BlobBackend,
  type BlobLocation,
  type BlobRequest,
  type RetryPolicy,
  type S3Credentials,
} from "../blobs/index.ts";
import { findUpload, type StoreTables } from "../catalog/index.ts";
import type { HashPool } from "../digest/index.ts";
import { StoreError } from "../errors/index.ts";
import { Relocation, takeOverStage } from "../relocation/index.ts";
import { holdLease, type Lease, type LeaseTimes } from "./lease.ts";
import { leftPlace, matchPlaces } from "./place-identity.ts";

/** Where the bytes of a store are. */
export interface PlaceOptions {
  /**
   * Where blobs are: `file:///folder`, a path, or `s3://bucket/prefix?endpoint=…&region=…&pathStyle=true|false`. By default
   * in the store's own folder, which is the home of catalog and lock in any case.
   */
  readonly blobs?: string;
  /** The place that blobs are moved from (`Store.relocation`), until the move has ended; written like `blobs`. */
  readonly blobsFrom?: string;
  /** For S3; by default what the AWS tools find: environment, profile, web identity, instance. */
  readonly credentials?: S3Credentials;
  /** Told of each request to S3, also of each further attempt, when it has ended. */
  readonly onBlobRequest?: (request: BlobRequest) => void;
  /** Small blobs that are read again and again are kept in so much memory, in bytes; 16 MiB, 0 keeps none. */
  readonly blobCacheBytes?: number;
  /** For how long requests to S3 are tried again, and how soon. */
  readonly retry?: RetryPolicy;
  /** How soon another process may take over a store on S3 whose process has died on another machine. */
  readonly lease?: LeaseTimes;
}

/** At once, of requests to S3 that are no streams: more would only wait for each other in front of the gateway. */
const mostBucketOperations = 128;
const defaultCacheBytes = 16 * 1024 * 1024;
/**
 * Configs, manifests of packages and small layers; what is larger flows past. A request to S3 is worth more memory than a
 * file that the system has in its own.
 */
const mostCachedBlobBytes = { file: 64 * 1024, s3: 256 * 1024 };
/** A file system of this machine or of the network that is out of handles or stale for a moment. */
const folderRetry: RetryPolicy = { giveUpAfterMs: 2000, firstWaitMs: 10, longestWaitMs: 200 };

export interface OpenPlaces {
  readonly backend: BlobBackend;
  /** The same without what is kept in memory, for who looks after the bytes themselves. */
  readonly uncached: BlobBackend;
  readonly relocation: Relocation | undefined;
  readonly lease: Lease | undefined;
  close(): Promise<void>;
}

/**
 * Opens the places of a store's bytes, and makes sure that they are its own and that no other process writes there.
 * @throws UserError
 */
export async function openPlaces(
  root: string,
  options: PlaceOptions,
  parts: { readonly database: Database<StoreTables>; readonly pool: HashPool },
): Promise<OpenPlaces> {
  const { database, pool } = parts;
  const location = parseBlobLocation(options.blobs ?? root);
  const source = options.blobsFrom === undefined ? undefined : parseBlobLocation(options.blobsFrom);
  await using stack = new AsyncDisposableStack();
  const isShared = location.kind !== "file" || (source !== undefined && source.kind !== "file");
  const lease = isShared ? await holdLease(database, await nameOf(root), options.lease) : undefined;
  if (lease !== undefined) stack.defer(() => lease.close());
  const open = async (where: BlobLocation): Promise<BlobBackend> => {
    const { credentials, retry, onBlobRequest: onRequest } = options;
    const init = {
      spools: join(root, "parts"),
      ...(credentials === undefined ? {} : { credentials }),
      ...(retry === undefined ? {} : { retry }),
      ...(onRequest === undefined ? {} : { onRequest }),
    };
    const backend = await asUserError(() => openBlobs(where, init));
    stack.defer(() => backend.close());
    // A bucket's requests are tried again one by one, inside: only there can a body be opened anew.
    return where.kind === "file" ? withRetry(backend, folderRetry) : withLimit(backend, mostBucketOperations);
  };
  const to = await open(location);
  const from = source && (await open(source));
  const { isMoving } = await asUserError(() => matchPlaces(database, to, from));
  let backend = to;
  let relocation: Relocation | undefined;
  if (isMoving && from !== undefined) {
    const catalog = database.read;
    const takeOver = async (id: string): Promise<void> => {
      const algorithm = (await findUpload(catalog, id))?.algorithm ?? "sha256";
      await takeOverStage(id, { from, to, pool, algorithm });
    };
    const both = movingBackend(to, from, takeOver);
    backend = both;
    relocation = new Relocation({
      catalog,
      to,
      from,
      pool,
      takeOver: async (id) => (await both.writeStage(id)).close(),
      left: () => leftPlace(database),
    });
  }
  const bytes = options.blobCacheBytes ?? defaultCacheBytes;
  const uncached = backend;
  if (bytes > 0) backend = withCache(backend, { bytes, blobBytes: mostCachedBlobBytes[location.kind] });
  const everything = stack.move();
  return { backend, uncached, relocation, lease, close: () => everything.disposeAsync() };
}

/** The name of a store's folder, for the lease: whoever has the lock on the folder is the only process of that name. */
async function nameOf(root: string): Promise<string> {
  const path = join(root, "store.holder");
  const found = await readFile(path, "utf8").catch(() => "");
  if (found !== "") return found;
  const name = randomUUID();
  await mkdir(root, { recursive: true });
  await writeFile(`${path}.new`, name, { mode: 0o640 });
  await rename(`${path}.new`, path);
  return name;
}

/** A start that fails because of the storage is for the person who starts it. */
async function asUserError<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    const [what = "", ...todo] = error.message.split(": ");
    throw new UserError(what, todo.join(": "), { cause: error });
  }
}
