import type { HttpContext } from "@waybill/foundation/http";
import { StoreError } from "../../errors/index.ts";
import { parseDigest, type Digest } from "../../digest/index.ts";
import type { RepositoryName } from "../../names/index.ts";
import type { ResumableUpload } from "../../store/index.ts";
import { bodyOf, hasBody } from "../body.ts";
import { checksumAlgorithmNames, parseChecksum, parseConcat, parseMetadata, parseSize } from "./headers.ts";
import { blobHeaders, idOf, locationOf, orForget, refuse, type UploadDoor } from "./upload-door.ts";

/** tus 1.0.0, https://tus.io/protocols/resumable-upload: the core and the extensions named here. */
export const tusVersion = "1.0.0";
const extensions = [
  "creation",
  "creation-with-upload",
  "creation-defer-length",
  "checksum",
  "expiration",
  "termination",
  "concatenation",
];
const chunkType = "application/offset+octet-stream";

/** Whether a request speaks tus at all. */
export function speaksTus(c: HttpContext): boolean {
  return c.req.header("tus-resumable") !== undefined;
}

/** "OPTIONS": what this server can. Needs no version from the client. */
export function tusAbilities(door: UploadDoor): Record<string, string> {
  return {
    "tus-resumable": tusVersion,
    "tus-version": tusVersion,
    "tus-extension": extensions.join(","),
    "tus-max-size": String(door.store.limits.largestBlobBytes),
    "tus-checksum-algorithm": checksumAlgorithmNames.join(","),
  };
}

/** "Creation", "Creation With Upload", "Concatenation". */
export async function tusCreate(door: UploadDoor, c: HttpContext, repository: RepositoryName): Promise<Response> {
  requireVersion(c);
  const { resumableUploads } = door.store;
  const metadataText = c.req.header("upload-metadata");
  const metadata = metadataText === undefined || metadataText === "" ? undefined : parseMetadata(metadataText);
  if (metadataText !== undefined && metadataText !== "" && metadata === undefined) {
    throw refuse(400, "INVALID", "Upload-Metadata is pairs of a key and a Base64 value, separated by commas");
  }
  const about = {
    ...(metadataText === undefined ? {} : { metadata: metadataText }),
    ...expectedIn(metadata?.get("digest")),
  };
  const concat = c.req.header("upload-concat");
  const place = concat === undefined ? undefined : parseConcat(concat);
  if (concat !== undefined && place === undefined) {
    throw refuse(400, "INVALID", "Upload-Concat is partial, or final; and the locations of the parts");
  }
  if (place?.part === "final") {
    if (c.req.header("upload-length") !== undefined) {
      throw refuse(400, "INVALID", "a final upload has the length of its parts: leave Upload-Length out");
    }
    const joined = await resumableUploads.join(repository, place.ids, about);
    return answer(201, repository, joined, { location: locationOf(repository, joined.id) });
  }
  const length = lengthIn(c);
  const made = await resumableUploads.create(repository, {
    ...about,
    ...(length === undefined ? {} : { length }),
    part: place?.part ?? "whole",
  });
  const upload = await orForget(door, c, repository, made.id, async () => {
    const withBytes = hasBody(c) ? await takeChunk(door, c, repository, made, 0) : made;
    return await finishedIfWhole(door, repository, withBytes);
  });
  return answer(201, repository, upload, { location: locationOf(repository, made.id) });
}

/** "HEAD". */
export async function tusStatus(door: UploadDoor, c: HttpContext, repository: RepositoryName): Promise<Response> {
  requireVersion(c);
  const known = await door.store.resumableUploads.status(repository, idOf(c));
  // All bytes are there, and the process was killed before it made a blob of them.
  const upload = await finishedIfWhole(door, repository, known);
  return answer(200, repository, upload, {
    "cache-control": "no-store",
    ...(upload.length === undefined ? { "upload-defer-length": "1" } : { "upload-length": String(upload.length) }),
    ...(upload.metadata === undefined ? {} : { "upload-metadata": upload.metadata }),
    ...(upload.part === "whole" ? {} : { "upload-concat": upload.part }),
  });
}

/** "PATCH", "Checksum", and the length that creation deferred. */
export async function tusAppend(door: UploadDoor, c: HttpContext, repository: RepositoryName): Promise<Response> {
  requireVersion(c);
  if (c.req.header("content-type") !== chunkType) {
    throw refuse(415, "MEDIA_TYPE", `the content type of a chunk is ${chunkType}`);
  }
  const offset = parseSize(c.req.header("upload-offset"));
  if (offset === undefined) throw refuse(400, "INVALID", "Upload-Offset says where the chunk belongs, in bytes");
  const { resumableUploads } = door.store;
  let upload = await resumableUploads.status(repository, idOf(c));
  if (upload.part === "final")
    throw refuse(403, "FORBIDDEN", "a final upload is made of its parts, and takes no bytes");
  if (upload.offset !== offset) throw wrongOffset(upload);
  const length = c.req.header("upload-length") === undefined ? undefined : lengthIn(c);
  if (length !== undefined) upload = await resumableUploads.declareLength(repository, upload.id, length);
  const appended = await takeChunk(door, c, repository, upload, offset);
  return answer(204, repository, await finishedIfWhole(door, repository, appended), {});
}

/** "Termination". */
export async function tusTerminate(door: UploadDoor, c: HttpContext, repository: RepositoryName): Promise<Response> {
  requireVersion(c);
  await door.store.resumableUploads.cancel(repository, idOf(c));
  return new Response(null, { status: 204 });
}

async function takeChunk(
  door: UploadDoor,
  c: HttpContext,
  repository: RepositoryName,
  upload: ResumableUpload,
  offset: number,
): Promise<ResumableUpload> {
  const checksumText = c.req.header("upload-checksum");
  const checksum = checksumText === undefined ? undefined : parseChecksum(checksumText);
  if (checksumText !== undefined && checksum === undefined) {
    const known = checksumAlgorithmNames.join(", ");
    throw refuse(400, "INVALID", `Upload-Checksum is one of ${known}, a space, and the value in Base64`);
  }
  const { source } = bodyOf(c, door.store.limits);
  try {
    return await door.store.resumableUploads.append(repository, upload.id, source, offset, checksum);
  } catch (error) {
    // Somebody else wrote since its status was asked for.
    if (error instanceof StoreError && error.code === "RANGE_INVALID") {
      throw wrongOffset(await door.store.resumableUploads.status(repository, upload.id));
    }
    throw error;
  }
}

/** tus knows no request that says "this was all": the length does. */
async function finishedIfWhole(
  door: UploadDoor,
  repository: RepositoryName,
  upload: ResumableUpload,
): Promise<ResumableUpload> {
  if (upload.digest !== undefined || upload.offset !== upload.length) return upload;
  return await door.store.resumableUploads.finish(repository, upload.id);
}

function answer(
  status: number,
  repository: RepositoryName,
  upload: ResumableUpload,
  headers: Record<string, string>,
): Response {
  return new Response(null, {
    status,
    headers: {
      "upload-offset": String(upload.offset),
      "upload-expires": new Date(upload.expiresAt).toUTCString(),
      ...blobHeaders(repository, upload),
      ...headers,
    },
  });
}

function requireVersion(c: HttpContext): void {
  if (c.req.header("tus-resumable") === tusVersion) return;
  throw refuse(412, "VERSION", `this server speaks tus ${tusVersion}`, { "tus-version": tusVersion });
}

function wrongOffset(upload: ResumableUpload): Error {
  return refuse(409, "RANGE_INVALID", `the next byte of this upload is ${upload.offset}`, {
    "upload-offset": String(upload.offset),
  });
}

/** Undefined: to be said later. */
function lengthIn(c: HttpContext): number | undefined {
  const text = c.req.header("upload-length");
  const deferred = c.req.header("upload-defer-length");
  const length = parseSize(text);
  if (deferred === "1" && text === undefined) return undefined;
  if (deferred === undefined && length !== undefined) return length;
  throw refuse(400, "INVALID", "either Upload-Length, in bytes, or Upload-Defer-Length: 1");
}

function expectedIn(text: string | undefined): { readonly expected?: Digest } {
  if (text === undefined) return {};
  const expected = parseDigest(text);
  if (expected === undefined) throw refuse(400, "DIGEST_INVALID", "metadata `digest` is sha256:… or sha512:…");
  return { expected };
}
