import type { HttpContext } from "@waybill/foundation/http";
import { parseDigest, type Digest } from "../../digest/index.ts";
import { StoreError } from "../../errors/index.ts";
import type { RepositoryName } from "../../names/index.ts";
import type { ResumableUpload } from "../../store/index.ts";
import { bodyOf } from "../body.ts";
import { isListening } from "../listening.ts";
import { parseBoolean, parseInteger, parseReprDigest, parseSize } from "./headers.ts";
import { blobHeaders, idOf, locationOf, orForget, refuse, type UploadDoor } from "./upload-door.ts";

/**
 * "Resumable Uploads for HTTP", draft-ietf-httpbis-resumable-upload-12, whose interop version this is. Sections are those
 * of the draft.
 */
const draftInteropVersion = 8;
const partialType = "application/partial-upload";

/** "Limits": what a client may rely on. */
export function draftLimits(door: UploadDoor, upload?: ResumableUpload): string {
  const age =
    upload === undefined ? [] : [`max-age=${Math.max(0, Math.floor((upload.expiresAt - Date.now()) / 1000))}`];
  return [`max-size=${door.store.limits.largestBlobBytes}`, "min-size=0", ...age].join(", ");
}

/**
 * "Upload Creation". A request without `Upload-Complete` is an upload as HTTP always had them: it is not resumable, and
 * ends the same way.
 */
export async function draftCreate(door: UploadDoor, c: HttpContext, repository: RepositoryName): Promise<Response> {
  const complete = parseBoolean(c.req.header("upload-complete"));
  const expected = expectedIn(c);
  if (complete === undefined) {
    const blob = await door.store.blobs.put(repository, bodyOf(c, door.store.limits).source, expected.expected);
    return stored(repository, blob.digest, blob.size, {});
  }
  const length = lengthIn(c, 0, complete);
  const { resumableUploads } = door.store;
  const upload = await resumableUploads.create(repository, {
    ...expected,
    ...(length === undefined ? {} : { length }),
  });
  const rest = (): Promise<Response> => take(door, c, repository, upload, { offset: 0, complete, created: true });
  return announce(door, c, repository, upload) ? await rest() : await orForget(door, c, repository, upload.id, rest);
}

/** "Offset Retrieval". */
export async function draftStatus(door: UploadDoor, c: HttpContext, repository: RepositoryName): Promise<Response> {
  const upload = await door.store.resumableUploads.status(repository, idOf(c));
  return new Response(null, {
    status: 204,
    headers: {
      "cache-control": "no-store",
      "upload-offset": String(upload.offset),
      "upload-complete": upload.digest === undefined ? "?0" : "?1",
      ...(upload.length === undefined ? {} : { "upload-length": String(upload.length) }),
      "upload-limit": draftLimits(door, upload),
      ...blobHeaders(repository, upload),
    },
  });
}

/** "Upload Append". */
export async function draftAppend(door: UploadDoor, c: HttpContext, repository: RepositoryName): Promise<Response> {
  if (c.req.header("content-type")?.split(";", 1)[0]?.trim() !== partialType) {
    throw refuse(415, "MEDIA_TYPE", `the content type of a part is ${partialType}`, { "accept-patch": partialType });
  }
  const offset = parseInteger(c.req.header("upload-offset"));
  const complete = parseBoolean(c.req.header("upload-complete"));
  if (offset === undefined || complete === undefined) {
    throw refuse(400, "INVALID", "an append says Upload-Offset, in bytes, and Upload-Complete: ?1 or ?0");
  }
  const { resumableUploads } = door.store;
  let upload = await resumableUploads.status(repository, idOf(c));
  if (upload.digest !== undefined) {
    // Whoever missed the answer asks again, and hears it again ("The server can choose to replay the final response").
    if (complete && offset === upload.offset) return stored(repository, upload.digest, upload.offset, finalResponse);
    throw problem(400, "completed-upload", "The upload is complete; nothing can be appended.", {
      "upload-complete": "?0",
    });
  }
  if (offset !== upload.offset) throw mismatch(upload, offset);
  const length = lengthIn(c, offset, complete);
  if (length !== undefined) {
    try {
      upload = await resumableUploads.declareLength(repository, upload.id, length);
    } catch (error) {
      if (!(error instanceof StoreError) || error.code !== "SIZE_INVALID") throw error;
      throw problem(400, "inconsistent-upload-length", error.message, { "upload-complete": "?0" });
    }
  }
  return await take(door, c, repository, upload, { offset, complete, created: false });
}

/** "Upload Cancellation". */
export async function draftCancel(door: UploadDoor, c: HttpContext, repository: RepositoryName): Promise<Response> {
  await door.store.resumableUploads.cancel(repository, idOf(c));
  return new Response(null, { status: 204 });
}

const finalResponse = { "upload-complete": "?1" };

async function take(
  door: UploadDoor,
  c: HttpContext,
  repository: RepositoryName,
  upload: ResumableUpload,
  how: { readonly offset: number; readonly complete: boolean; readonly created: boolean },
): Promise<Response> {
  const { resumableUploads, limits } = door.store;
  const { source } = bodyOf(c, limits);
  let appended: ResumableUpload;
  try {
    appended = await resumableUploads.append(repository, upload.id, source, how.offset);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    if (error.code === "RANGE_INVALID") {
      throw mismatch(await resumableUploads.status(repository, upload.id), how.offset);
    }
    // "the server MUST prevent the offset from exceeding the upload length […], marking the upload resource invalid"
    if (error.code === "SIZE_INVALID") await resumableUploads.cancel(repository, upload.id);
    throw error;
  }
  if (!how.complete) {
    return new Response(null, {
      status: how.created ? 201 : 204,
      headers: {
        ...(how.created ? { location: locationOf(repository, upload.id) } : {}),
        "upload-complete": "?0",
        "upload-offset": String(appended.offset),
        "upload-limit": draftLimits(door, appended),
      },
    });
  }
  const blob = await resumableUploads.finish(repository, upload.id);
  return stored(repository, blob.digest, blob.size, finalResponse);
}

/** What the creating request would have got, had it brought everything. */
function stored(
  repository: RepositoryName,
  digest: Digest,
  size: number,
  headers: Readonly<Record<string, string>>,
): Response {
  const upload = {
    id: "",
    part: "whole",
    offset: size,
    length: size,
    metadata: undefined,
    expiresAt: 0,
    digest,
  } as const;
  return Response.json(
    { digest, size },
    {
      status: 201,
      headers: { ...blobHeaders(repository, upload), location: `/v2/${repository}/blobs/${digest}`, ...headers },
    },
  );
}

/**
 * `104 (Upload Resumption Supported)`, for clients that say that they speak this version of the draft. Node has no call for
 * a status of one's own below 200, so it goes to the socket as it is; only while this answer is the one that the socket is
 * at, or it would be taken for the end of another one. Answers whether it went.
 */
function announce(door: UploadDoor, c: HttpContext, repository: RepositoryName, upload: ResumableUpload): boolean {
  if (parseInteger(c.req.header("upload-draft-interop-version")) !== draftInteropVersion) return false;
  const { outgoing } = c.env;
  if (outgoing.headersSent || outgoing.socket === null || !isListening(c)) return false;
  const lines = [
    "HTTP/1.1 104 Upload Resumption Supported",
    `Upload-Draft-Interop-Version: ${draftInteropVersion}`,
    `Location: ${locationOf(repository, upload.id)}`,
    `Upload-Limit: ${draftLimits(door, upload)}`,
  ];
  outgoing.socket.write(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
  return true;
}

/** "Length": said by the field, by the last part's own length, or by both alike. */
function lengthIn(c: HttpContext, offset: number, complete: boolean): number | undefined {
  const said = parseInteger(c.req.header("upload-length"));
  const rest = parseSize(c.req.header("content-length"));
  const implied = complete && rest !== undefined ? offset + rest : undefined;
  if (said !== undefined && implied !== undefined && said !== implied) {
    const detail = `Upload-Length says ${said} bytes, offset and Content-Length ${implied}.`;
    throw problem(400, "inconsistent-upload-length", detail, { "upload-complete": "?0" });
  }
  return said ?? implied;
}

function mismatch(upload: ResumableUpload, offset: number): Error {
  return problem(409, "mismatching-upload-offset", `The next byte of this upload is ${upload.offset}, not ${offset}.`, {
    "upload-complete": "?0",
    "upload-offset": String(upload.offset),
  });
}

/** Codes are the names of the draft's problem types. */
function problem(status: number, type: string, detail: string, headers: Readonly<Record<string, string>>): Error {
  return refuse(status, type.toUpperCase().replaceAll("-", "_"), detail, headers);
}

function expectedIn(c: HttpContext): { readonly expected?: Digest } {
  const text = parseReprDigest(c.req.header("repr-digest"));
  const expected = text === undefined ? undefined : parseDigest(text);
  return expected === undefined ? {} : { expected };
}
