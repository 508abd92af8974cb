import { Problem } from "@waybill/foundation/errors";
import type { HttpRoute } from "@waybill/foundation/http";
import { StoreError, type StoreErrorCode } from "../errors/index.ts";

/** Status and title of each of the store's codes where errors are problem+json (RFC 9457). */
const told: Readonly<Record<StoreErrorCode, { readonly status: number; readonly title: string }>> = {
  ARCHIVE_INVALID: { status: 400, title: "No valid archive" },
  BLOB_DAMAGED: { status: 500, title: "The bytes are damaged" },
  BLOB_UNKNOWN: { status: 404, title: "No such blob" },
  BLOB_UPLOAD_UNKNOWN: { status: 404, title: "No such upload" },
  CHECKSUM_INVALID: { status: 460, title: "Not this checksum" },
  DIGEST_INVALID: { status: 400, title: "Not this digest" },
  FILE_UNKNOWN: { status: 404, title: "No such file" },
  HELD: { status: 409, title: "Something keeps it" },
  KEY_REUSED: { status: 422, title: "Not with this key" },
  MANIFEST_BLOB_UNKNOWN: { status: 400, title: "Content is missing" },
  MANIFEST_INVALID: { status: 400, title: "No valid manifest" },
  MANIFEST_UNKNOWN: { status: 404, title: "No such manifest" },
  NAME_INVALID: { status: 400, title: "No valid name" },
  NAME_UNKNOWN: { status: 404, title: "No such repository" },
  PACKAGE_CONFLICT: { status: 409, title: "Something else is there" },
  PACKAGE_GONE: { status: 410, title: "Only its record is left" },
  PACKAGE_INVALID: { status: 400, title: "No valid package" },
  PACKAGE_SEALED: { status: 409, title: "It is sealed" },
  PACKAGE_UNKNOWN: { status: 404, title: "No such package" },
  PATH_INVALID: { status: 400, title: "No valid path" },
  PLAN_INVALID: { status: 400, title: "No plan" },
  PLAN_OVERTAKEN: { status: 409, title: "The world has moved on" },
  POLICY_UNKNOWN: { status: 404, title: "No such policy" },
  RANGE_INVALID: { status: 416, title: "Not the next byte" },
  RETENTION_INVALID: { status: 400, title: "No valid retention" },
  SIZE_INVALID: { status: 400, title: "Not this size" },
  STORAGE_FULL: { status: 507, title: "No room left" },
  STORAGE_REFUSED: { status: 500, title: "The storage does not let the store in" },
  STORAGE_UNAVAILABLE: { status: 503, title: "The storage does not answer" },
  TAG_INVALID: { status: 400, title: "No valid tag" },
  TOO_LARGE: { status: 413, title: "Too large" },
  UPLOAD_BUSY: { status: 409, title: "Another request writes it" },
  UPLOAD_TRUNCATED: { status: 400, title: "The body ended early" },
  WEBHOOK_INVALID: { status: 400, title: "No valid subscription" },
  WEBHOOK_UNKNOWN: { status: 404, title: "No such subscription" },
};

/** What does not answer now may answer soon, and clients that honour this come back by themselves. */
export function retryAfter(status: number): Readonly<Record<string, string>> {
  return status === 503 ? { "retry-after": "5" } : {};
}

/** What the store throws as a problem; anything else stays what it is. */
export function orProblem(error: unknown): unknown {
  if (!(error instanceof StoreError)) return error;
  const { status, title } = told[error.code];
  const headers = retryAfter(status);
  return new Problem({ code: error.code, status, title, detail: error.message, headers, cause: error });
}

/** Lets a handler of `/api/v1` throw what the store throws. */
export function withProblems(handler: HttpRoute["handler"]): HttpRoute["handler"] {
  return async (c) => {
    try {
      return await handler(c);
    } catch (error) {
      throw orProblem(error);
    }
  };
}
