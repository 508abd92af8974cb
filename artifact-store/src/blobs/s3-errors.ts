import { StoreError } from "../errors/index.ts";
import { readRetryAfter } from "./retry-after.ts";
import { describeLocation, type BucketLocation } from "./location.ts";

/** What an error of the S3 client tells; its classes differ between servers, these fields do not. */
interface Told {
  readonly name: string;
  readonly status: number | undefined;
  readonly code: string | undefined;
  readonly message: string;
  readonly retryAfter: string | undefined;
}

function read(error: unknown): Told {
  const fields = (typeof error === "object" && error !== null ? error : {}) as {
    name?: unknown;
    message?: unknown;
    code?: unknown;
    Code?: unknown;
    $metadata?: { httpStatusCode?: number };
    $response?: { headers?: Readonly<Record<string, string>> };
    cause?: unknown;
  };
  const cause = fields.cause as { code?: unknown } | undefined;
  const code = [fields.code, fields.Code, cause?.code].find((one) => typeof one === "string");
  return {
    name: typeof fields.name === "string" ? fields.name : "",
    status: fields.$metadata?.httpStatusCode,
    code: code as string | undefined,
    message: typeof fields.message === "string" ? fields.message : String(error),
    retryAfter: fields.$response?.headers?.["retry-after"],
  };
}

const credentials = new Set([
  "AccessDenied",
  "CredentialsProviderError",
  "ExpiredToken",
  "ExpiredTokenException",
  "InvalidAccessKeyId",
  "InvalidClientTokenId",
  "InvalidToken",
  "SignatureDoesNotMatch",
  "TokenRefreshRequired",
]);
const full = new Set(["QuotaExceeded", "InsufficientStorage", "XAmzStorageFull"]);
const clock = new Set(["RequestTimeTooSkewed", "RequestExpired"]);

export function isMissing(error: unknown): boolean {
  const { name, status } = read(error);
  return (
    name === "NoSuchKey" || name === "NotFound" || (status === 404 && !["NoSuchBucket", "NoSuchUpload"].includes(name))
  );
}

export function isMissingUpload(error: unknown): boolean {
  return read(error).name === "NoSuchUpload";
}

/** The end of an upload names a part that the server does not have. */
export function isInvalidPart(error: unknown): boolean {
  return read(error).name === "InvalidPart";
}

/** A conditional write that lost: 412, or 409 when two came at once. */
export function isConflict(error: unknown): boolean {
  const { status, name } = read(error);
  return status === 412 || (status === 409 && name !== "BucketAlreadyExists") || name === "PreconditionFailed";
}

/** An error of the S3 client in the store's words: what is wrong, and what to do. Never with a secret in it. */
export function s3Failure(error: unknown, location: BucketLocation): StoreError {
  if (error instanceof StoreError) return error;
  const { name, status, code, message, retryAfter } = read(error);
  const place = describeLocation(location);
  const refused = (sentence: string): StoreError => new StoreError("STORAGE_REFUSED", sentence, { cause: error });
  if (name === "NoSuchBucket") {
    return refused(`there is no bucket ${location.bucket} for ${place}: make it, or correct the address`);
  }
  if (clock.has(name)) return refused(`the clocks of this machine and of ${place} differ too much: set them right`);
  if (credentials.has(name) || status === 401 || status === 403) {
    return refused(
      `${place} does not accept these credentials (${name || status}): set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to a ` +
        "key that may read, write, list and delete there",
    );
  }
  if (message.includes("Region is missing")) return refused(`${place} needs a region: add region=… or set AWS_REGION`);
  if (name === "PermanentRedirect" || name === "AuthorizationHeaderMalformed" || status === 301) {
    return refused(`${place} is in another region: correct region=… in its address`);
  }
  if (full.has(name) || status === 507) {
    return new StoreError("STORAGE_FULL", `no room left in ${place}: free some, or raise the quota`, { cause: error });
  }
  if (status !== undefined && status < 500 && status !== 408 && status !== 429) {
    return refused(`${place} refused a request: ${name} (${status}) ${message}`);
  }
  return new StoreError(
    "STORAGE_UNAVAILABLE",
    `${place} does not answer (${code ?? (name || status)}): see that it runs and can be reached from here`,
    { cause: error, retryAfterMs: readRetryAfter(retryAfter, Date.now()) },
  );
}
