import { Problem } from "@waybill/foundation/errors";
import type { HttpContext, HttpRoute } from "@waybill/foundation/http";
import { StoreError, type StoreErrorCode } from "../errors/index.ts";
import { retryAfter } from "./problems.ts";

/** How each of the store's codes is told: status and code of the spec's table ("Error Codes"). */
const told: Readonly<Record<StoreErrorCode, { readonly status: number; readonly code: string }>> = {
  ARCHIVE_INVALID: { status: 400, code: "UNSUPPORTED" },
  BLOB_DAMAGED: { status: 500, code: "BLOB_UNKNOWN" },
  BLOB_UNKNOWN: { status: 404, code: "BLOB_UNKNOWN" },
  BLOB_UPLOAD_UNKNOWN: { status: 404, code: "BLOB_UPLOAD_UNKNOWN" },
  CHECKSUM_INVALID: { status: 400, code: "BLOB_UPLOAD_INVALID" },
  DIGEST_INVALID: { status: 400, code: "DIGEST_INVALID" },
  FILE_UNKNOWN: { status: 404, code: "BLOB_UNKNOWN" },
  HELD: { status: 409, code: "DENIED" },
  KEY_REUSED: { status: 422, code: "UNSUPPORTED" },
  MANIFEST_BLOB_UNKNOWN: { status: 400, code: "MANIFEST_BLOB_UNKNOWN" },
  MANIFEST_INVALID: { status: 400, code: "MANIFEST_INVALID" },
  MANIFEST_UNKNOWN: { status: 404, code: "MANIFEST_UNKNOWN" },
  NAME_INVALID: { status: 400, code: "NAME_INVALID" },
  NAME_UNKNOWN: { status: 404, code: "NAME_UNKNOWN" },
  PACKAGE_CONFLICT: { status: 409, code: "UNSUPPORTED" },
  PACKAGE_GONE: { status: 410, code: "MANIFEST_UNKNOWN" },
  PACKAGE_INVALID: { status: 400, code: "UNSUPPORTED" },
  PACKAGE_SEALED: { status: 409, code: "UNSUPPORTED" },
  PACKAGE_UNKNOWN: { status: 404, code: "MANIFEST_UNKNOWN" },
  PATH_INVALID: { status: 400, code: "UNSUPPORTED" },
  PLAN_INVALID: { status: 400, code: "UNSUPPORTED" },
  PLAN_OVERTAKEN: { status: 409, code: "UNSUPPORTED" },
  POLICY_UNKNOWN: { status: 404, code: "UNSUPPORTED" },
  RANGE_INVALID: { status: 416, code: "BLOB_UPLOAD_INVALID" },
  RETENTION_INVALID: { status: 400, code: "UNSUPPORTED" },
  SIZE_INVALID: { status: 400, code: "SIZE_INVALID" },
  STORAGE_FULL: { status: 507, code: "BLOB_UPLOAD_INVALID" },
  STORAGE_REFUSED: { status: 500, code: "UNKNOWN" },
  STORAGE_UNAVAILABLE: { status: 503, code: "UNKNOWN" },
  TAG_INVALID: { status: 400, code: "MANIFEST_INVALID" },
  TOO_LARGE: { status: 413, code: "SIZE_INVALID" },
  UPLOAD_BUSY: { status: 409, code: "BLOB_UPLOAD_INVALID" },
  UPLOAD_TRUNCATED: { status: 400, code: "BLOB_UPLOAD_INVALID" },
  WEBHOOK_INVALID: { status: 400, code: "UNSUPPORTED" },
  WEBHOOK_UNKNOWN: { status: 404, code: "NAME_UNKNOWN" },
};

/** For problems that do not come from the store: who calls, limits, paths that nobody knows. */
const codeOfStatus: Readonly<Record<number, string>> = {
  401: "UNAUTHORIZED",
  403: "DENIED",
  404: "NAME_UNKNOWN",
  405: "UNSUPPORTED",
  413: "SIZE_INVALID",
  429: "TOOMANYREQUESTS",
};

const specified = new Set([...Object.values(told).map((entry) => entry.code), ...Object.values(codeOfStatus)]);

/** A problem of this door, in the words of the spec. */
export function refusal(
  status: number,
  code: string,
  detail: string,
  headers: Readonly<Record<string, string>> = {},
): Problem {
  return new Problem({ code, status, title: code, detail, headers });
}

/** "Error Codes": `{"errors": [{"code", "message", "detail"}]}`. */
export function ociErrorResponse(problem: Problem, c: HttpContext): Response {
  const code = specified.has(problem.code) ? problem.code : (codeOfStatus[problem.status] ?? "UNSUPPORTED");
  // A fault of ours is none of the spec's codes; clients look at the status then.
  const shown = problem.status >= 500 && !specified.has(problem.code) ? "UNKNOWN" : code;
  const body = { errors: [{ code: shown, message: problem.detail, detail: { request: c.var.requestId } }] };
  return new Response(JSON.stringify(body), {
    status: problem.status,
    headers: {
      "content-type": "application/json",
      "docker-distribution-api-version": "registry/2.0",
      ...problem.headers,
    },
  });
}

/** Lets a handler throw what the store throws. */
export function withStoreErrors(handler: HttpRoute["handler"]): HttpRoute["handler"] {
  return async (c) => {
    try {
      return await handler(c);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      const { status, code } = told[error.code];
      throw new Problem({
        code,
        status,
        title: code,
        detail: error.message,
        cause: error,
        headers: retryAfter(status),
      });
    }
  };
}
