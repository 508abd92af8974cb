/**
 * Every code a caller of the library may meet. Where the OCI Distribution Spec has a word for it, the word is the same.
 *
 * - `NAME_INVALID`, `TAG_INVALID`, `DIGEST_INVALID`, `RANGE_INVALID`, `MANIFEST_INVALID`, `SIZE_INVALID`: the caller's mistake.
 * - `NAME_UNKNOWN`, `BLOB_UNKNOWN`, `MANIFEST_UNKNOWN`, `BLOB_UPLOAD_UNKNOWN`: not there, or not for this caller's eyes.
 * - `MANIFEST_BLOB_UNKNOWN`: a manifest names content that its repository does not have; push that first.
 * - `KEY_REUSED`: an idempotency key made something else; a new thing takes a new key.
 * - `HELD`: a hold, a pin or a locked retention class forbids the deletion.
 * - `RETENTION_INVALID`: a retention class, rule, hold or extension that cannot be.
 * - `TOO_LARGE`: over a limit of this store.
 * - `UPLOAD_BUSY`: another request is writing this upload; ask again when it is through.
 * - `CHECKSUM_INVALID`: a chunk is not what its checksum says; nothing of it is kept.
 * - `UPLOAD_TRUNCATED`: the source ended before what it announced; what arrived is kept and the upload can go on.
 * - `STORAGE_FULL`: no room left on the device.
 * - `STORAGE_UNAVAILABLE`: the place of the bytes does not answer, or is overloaded; the same again later is right.
 * - `STORAGE_REFUSED`: the place of the bytes does not let the store in, or is not set up; somebody has to do something.
 * - `PACKAGE_UNKNOWN`, `FILE_UNKNOWN`: not there, or not for this caller's eyes. `PACKAGE_GONE`: only its record is left.
 * - `PACKAGE_INVALID`, `PATH_INVALID`, `ARCHIVE_INVALID`: a description, a path, an archive that cannot be.
 * - `PACKAGE_SEALED`: it takes no more files. `PACKAGE_CONFLICT`: something else is there under this path.
 * - `WEBHOOK_UNKNOWN`, `WEBHOOK_INVALID`: no such subscription, or one that cannot be.
 * - `PLAN_INVALID`: no plan of a collection. `PLAN_OVERTAKEN`: the world has moved on since it was made.
 * - `POLICY_UNKNOWN`: there is no tag policy of this name.
 * - `BLOB_DAMAGED`: the catalog names a blob whose bytes are not where they were put, or are other ones.
 */
export type StoreErrorCode =
  | "ARCHIVE_INVALID"
  | "BLOB_DAMAGED"
  | "BLOB_UNKNOWN"
  | "BLOB_UPLOAD_UNKNOWN"
  | "CHECKSUM_INVALID"
  | "DIGEST_INVALID"
  | "FILE_UNKNOWN"
  | "HELD"
  | "KEY_REUSED"
  | "MANIFEST_BLOB_UNKNOWN"
  | "MANIFEST_INVALID"
  | "MANIFEST_UNKNOWN"
  | "NAME_INVALID"
  | "NAME_UNKNOWN"
  | "PACKAGE_CONFLICT"
  | "PACKAGE_GONE"
  | "PACKAGE_INVALID"
  | "PACKAGE_SEALED"
  | "PACKAGE_UNKNOWN"
  | "PATH_INVALID"
  | "PLAN_INVALID"
  | "PLAN_OVERTAKEN"
  | "POLICY_UNKNOWN"
  | "RANGE_INVALID"
  | "RETENTION_INVALID"
  | "SIZE_INVALID"
  | "STORAGE_FULL"
  | "STORAGE_REFUSED"
  | "STORAGE_UNAVAILABLE"
  | "TAG_INVALID"
  | "TOO_LARGE"
  | "UPLOAD_BUSY"
  | "UPLOAD_TRUNCATED"
  | "WEBHOOK_INVALID"
  | "WEBHOOK_UNKNOWN";

/** An expected failure: the message says what is wrong with this request and, where there is something, what to do. */
export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly code: StoreErrorCode;
  /** How long the place of the bytes asked to be left alone, where it did. Milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: StoreErrorCode,
    message: string,
    options?: ErrorOptions & { readonly retryAfterMs?: number | undefined },
  ) {
    super(message, options);
    this.code = code;
    this.retryAfterMs = options?.retryAfterMs;
  }
}
