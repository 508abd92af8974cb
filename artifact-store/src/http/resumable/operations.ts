import { access } from "@waybill/foundation/auth";
import { z } from "zod";
import { digest } from "../api-schemas.ts";
import type { HeaderField, Operation } from "../operation.ts";

const creationPath = "/api/v1/repositories/{name}/uploads";
const uploadPath = `${creationPath}/{id}`;
const tag = "resumable uploads";

const field = (name: string, example: string, description: string): HeaderField => ({ name, example, description });
const location = "/api/v1/repositories/acme/app/uploads/0d5f1c1e-5b0a-4d0e-8c55-3f0f2b8f9a10";
const sha256 = "sha-256=:uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=:";

/** The store speaks tus to who sends this, and the IETF's draft to who does not. */
const tusResumable = field("Tus-Resumable", "1.0.0", "Says that the request speaks tus.");
const uploadLength = field("Upload-Length", "11", "Bytes of the whole.");
const uploadOffset = field("Upload-Offset", "0", "Where the next byte belongs.");
const uploadComplete = field("Upload-Complete", "?1", "Draft: whether this request brings the end.");
const uploadExpires = field(
  "Upload-Expires",
  "Sun, 22 Nov 2026 08:00:00 GMT",
  "tus: when it ends unless it is continued.",
);
const uploadLimit = field("Upload-Limit", "max-size=1099511627776, min-size=0", "Draft: what a client may rely on.");
const uploadChecksum = field(
  "Upload-Checksum",
  "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=",
  "tus: of this chunk; all of it counts, or nothing.",
);
const appendType = field(
  "Content-Type",
  "application/partial-upload",
  "`application/offset+octet-stream` in tus, `application/partial-upload` in the draft.",
);
const interop = field(
  "Upload-Draft-Interop-Version",
  "8",
  "Draft: asks for a 104 as soon as the upload has an address.",
);
const blobHeaders = [
  field("Docker-Content-Digest", `sha256:${"b9".repeat(32)}`, "When it is complete: the blob that it has become."),
  field("Repr-Digest", sha256, "When it is complete: the same, as RFC 9530 has it."),
  field("Content-Location", `/v2/acme/app/blobs/sha256:${"b9".repeat(32)}`, "When it is complete: where the blob is."),
];
const stored = z.object({ digest, size: z.int() });
const mismatch = { 409: [uploadOffset] };

/** Both resumable protocols: faces of one session, which `/v2/` knows by the same id. What ends here is a blob. */
export const resumableOperations = {
  uploadAbilities: {
    id: "uploadAbilities",
    method: "OPTIONS",
    path: creationPath,
    tag,
    access: access.everyone,
    summary: "What both protocols can here",
    answer: {
      status: 204,
      description: "tus' extensions and limits, and the draft's.",
      headers: [
        field("Tus-Resumable", "1.0.0", "The version of tus."),
        field("Tus-Version", "1.0.0", "Versions of tus."),
        field("Tus-Extension", "creation,checksum,termination", "Extensions of tus."),
        field("Tus-Max-Size", "1099511627776", "Most bytes of an upload."),
        field("Tus-Checksum-Algorithm", "md5,sha1,sha256,sha512", "What `Upload-Checksum` may say."),
        uploadLimit,
        field("Accept-Patch", "application/offset+octet-stream, application/partial-upload", "What PATCH takes."),
      ],
    },
    problems: [404],
  },
  uploadAbilitiesOfOne: {
    id: "uploadAbilitiesOfOne",
    method: "OPTIONS",
    path: uploadPath,
    tag,
    access: access.everyone,
    summary: "The same, asked of an upload",
    answer: { status: 204, description: "As for the collection.", headers: [uploadLimit] },
    problems: [404],
  },
  createUpload: {
    id: "createUpload",
    method: "POST",
    path: creationPath,
    tag,
    access: access.everyone,
    summary: "Begin an upload, with its first bytes or without",
    description:
      "tus: `Upload-Length`, or `Upload-Defer-Length: 1`; `Upload-Concat: final;…` joins partial uploads. Draft: " +
      "`Upload-Complete: ?0` is the first of several parts, `?1` the whole; with neither the body is a blob at once. One that " +
      "nobody was told of (the answer did not arrive) is forgotten.",
    headers: [
      tusResumable,
      uploadLength,
      field("Upload-Defer-Length", "1", "tus: the length is said later."),
      field("Upload-Metadata", "filename YS50eHQ=", "tus: kept, and given back. `digest` is what the bytes must have."),
      field("Upload-Concat", "partial", "tus: `partial`, or `final;` and the locations of the parts."),
      uploadChecksum,
      uploadComplete,
      interop,
      field("Repr-Digest", sha256, "Draft: what the bytes must have."),
      appendType,
    ],
    uploads: ["application/offset+octet-stream", "application/octet-stream"],
    answer: {
      status: 201,
      description: "Where to go on, or, when all was there, the blob.",
      headers: [
        { ...field("Location", location, "The upload; the blob, when all was there."), required: true },
        uploadOffset,
        uploadComplete,
        uploadExpires,
        uploadLimit,
        ...blobHeaders,
      ],
      schema: stored,
    },
    problems: [404, 409, 412, 413, 416, 460, 507],
    problemHeaders: mismatch,
  },
  getUpload: {
    id: "getUpload",
    method: "GET",
    path: uploadPath,
    tag,
    access: access.everyone,
    summary: "Where an upload is to go on",
    description: "With `Tus-Resumable` the answer is 200, as tus has it. Also after its end, until it is forgotten.",
    headers: [tusResumable],
    answer: {
      status: 204,
      description: "Draft: how far it is.",
      headers: [uploadOffset, uploadComplete, uploadLength, uploadLimit, ...blobHeaders],
    },
    also: [
      {
        status: 200,
        description: "tus: how far it is.",
        headers: [
          uploadOffset,
          uploadLength,
          field("Upload-Defer-Length", "1", "Its length is not said yet."),
          field("Upload-Metadata", "filename YS50eHQ=", "As it was given."),
          field("Upload-Concat", "partial", "As it was given."),
          uploadExpires,
          ...blobHeaders,
        ],
      },
    ],
    problems: [404, 412],
  },
  appendToUpload: {
    id: "appendToUpload",
    method: "PATCH",
    path: uploadPath,
    tag,
    access: access.everyone,
    summary: "Go on with an upload",
    description:
      "What arrived before a connection broke is kept. 409 tells where the next byte belongs. tus ends an upload with its " +
      "last byte, the draft with `Upload-Complete: ?1`; that again, at the same place, has the same answer again.",
    headers: [
      tusResumable,
      { ...uploadOffset, required: true },
      { ...appendType, required: true },
      uploadComplete,
      uploadLength,
      uploadChecksum,
    ],
    uploads: ["application/offset+octet-stream", "application/partial-upload"],
    answer: {
      status: 204,
      description: "How far it is now.",
      headers: [uploadOffset, uploadComplete, uploadExpires, uploadLimit, ...blobHeaders],
    },
    also: [
      {
        status: 201,
        description: "Draft: it is complete, and a blob.",
        headers: [field("Location", "/v2/acme/app/blobs/sha256:…", "The blob."), uploadComplete, ...blobHeaders],
        schema: stored,
      },
    ],
    problems: [404, 409, 412, 413, 415, 416, 460, 507],
    problemHeaders: mismatch,
  },
  appendToUploadByPost: {
    id: "appendToUploadByPost",
    method: "POST",
    path: uploadPath,
    tag,
    access: access.everyone,
    summary: "PATCH, for clients behind something that lets none through",
    headers: [
      { ...field("X-HTTP-Method-Override", "PATCH", "Says that it is one; else 405."), required: true },
      tusResumable,
      { ...uploadOffset, required: true },
      { ...appendType, required: true },
      uploadComplete,
    ],
    uploads: ["application/offset+octet-stream", "application/partial-upload"],
    answer: { status: 204, description: "As for PATCH.", headers: [uploadOffset, uploadComplete] },
    also: [{ status: 201, description: "As for PATCH.", schema: stored }],
    problems: [404, 405, 409, 412, 413, 415, 416, 460, 507],
    problemHeaders: mismatch,
  },
  cancelUpload: {
    id: "cancelUpload",
    method: "DELETE",
    path: uploadPath,
    tag,
    access: access.everyone,
    summary: "Forget an upload",
    description: "A blob that it has become stays as long as something needs it.",
    headers: [tusResumable],
    answer: { status: 204, description: "It is gone." },
    problems: [404, 409, 412],
  },
} as const satisfies Record<string, Operation>;
