import { access } from "@waybill/foundation/auth";
import { z } from "zod";
import { digest } from "./api-schemas.ts";
import { mediaTypes } from "../manifests/index.ts";
import type { HeaderField, Operation } from "./operation.ts";

/** The calls of the OCI Distribution Spec 1.1, as it numbers them; the spec says the rest. */

const tag = "registry";
const errors = "registry";
const blobPath = "/v2/{name}/blobs/{digest}";
const uploadPath = "/v2/{name}/blobs/uploads/{id}";
const manifestPath = "/v2/{name}/manifests/{reference}";
const known = `sha256:${"b9".repeat(32)}`;

const field = (name: string, example: string, description: string): HeaderField => ({ name, example, description });
const contentDigest = field("Docker-Content-Digest", known, "The digest of what it is about.");
const range = field("Range", "bytes=0-9", "A part of it.");
const link = field("Link", '</v2/acme/app/tags/list?n=100&last=v1>; rel="next"', "The next page, where there is one.");
const ifNoneMatch = field("If-None-Match", `"${known}"`, "304 when it is this one.");
const etag = field("ETag", `"${known}"`, "Its digest.");
const progress = [
  field("Location", "/v2/acme/app/blobs/uploads/0d5f1c1e-5b0a-4d0e-8c55-3f0f2b8f9a10", "Where to go on."),
  field("Range", "0-1048575", "The bytes that are there."),
  field("Docker-Upload-UUID", "0d5f1c1e-5b0a-4d0e-8c55-3f0f2b8f9a10", "Its id."),
];
const created = [
  { ...field("Location", `/v2/acme/app/blobs/${known}`, "Where it is."), required: true },
  contentDigest,
] as const;
const chunk = field("Content-Range", "0-1048575", "Where the body belongs; without it, at the end.");
const octets = ["application/octet-stream"];
const manifestTypes = Object.values(mediaTypes);
const page = { n: z.string().optional(), last: z.string().optional() };

export const registryOperations = {
  registryVersion: {
    id: "registryVersion",
    method: "GET",
    path: "/v2/",
    tag,
    errors,
    access: access.everyone,
    summary: "end-1: whether this is a registry, and lets the caller in",
    answer: { status: 200, description: "It is.", mediaTypes: ["application/json"] },
  },
  pullBlob: {
    id: "pullBlob",
    method: "GET",
    path: blobPath,
    tag,
    errors,
    access: access.everyone,
    summary: "end-2: pull a blob, whole or a part of it",
    headers: [range, ifNoneMatch],
    answer: { status: 200, description: "Its bytes.", mediaTypes: octets, headers: [contentDigest, etag] },
    also: [
      { status: 206, description: "A part.", mediaTypes: octets, headers: [contentDigest] },
      { status: 304, description: "The caller has it." },
    ],
    problems: [404, 416],
  },
  deleteBlob: {
    id: "deleteBlob",
    method: "DELETE",
    path: blobPath,
    tag,
    errors,
    access: access.everyone,
    summary: "end-10: hide a blob from a repository",
    answer: { status: 202, description: "It is hidden there." },
    problems: [404, 409],
  },
  startBlobUpload: {
    id: "startBlobUpload",
    method: "POST",
    path: "/v2/{name}/blobs/uploads/",
    tag,
    errors,
    access: access.everyone,
    summary: "end-4, end-11: begin an upload, mount a blob, or push one whole",
    description: "`digest` and a body: the blob whole. `mount`, and `from` where it is known: without its bytes.",
    query: z.strictObject({
      digest: digest.optional(),
      mount: digest.optional(),
      from: z.string().optional(),
      "digest-algorithm": z.enum(["sha256", "sha512"]).optional(),
    }),
    uploads: octets,
    answer: {
      status: 202,
      description: "An upload.",
      headers: [...progress, field("OCI-Chunk-Min-Length", "1048576", "Smaller chunks cost more than they bring.")],
    },
    also: [{ status: 201, description: "The blob is there.", headers: created }],
    problems: [404, 413, 507],
  },
  appendToBlobUpload: {
    id: "appendToBlobUpload",
    method: "PATCH",
    path: uploadPath,
    tag,
    errors,
    access: access.everyone,
    summary: "end-5: a chunk",
    headers: [chunk],
    uploads: octets,
    answer: { status: 202, description: "It is kept.", headers: progress },
    problems: [404, 409, 413, 416, 507],
  },
  finishBlobUpload: {
    id: "finishBlobUpload",
    method: "PUT",
    path: uploadPath,
    tag,
    errors,
    access: access.everyone,
    summary: "end-6: the end of an upload, with its last bytes or without",
    query: z.strictObject({ digest }),
    headers: [chunk],
    uploads: octets,
    answer: { status: 201, description: "The blob is there.", headers: created },
    problems: [404, 409, 413, 416, 507],
  },
  getBlobUpload: {
    id: "getBlobUpload",
    method: "GET",
    path: uploadPath,
    tag,
    errors,
    access: access.everyone,
    summary: "end-13: how far an upload is",
    answer: { status: 204, description: "The bytes that are there.", headers: progress },
    problems: [404],
  },
  cancelBlobUpload: {
    id: "cancelBlobUpload",
    method: "DELETE",
    path: uploadPath,
    tag,
    errors,
    access: access.everyone,
    summary: "end-14: cancel an upload",
    answer: { status: 204, description: "It is gone." },
    problems: [404, 409],
  },
  pullManifest: {
    id: "pullManifest",
    method: "GET",
    path: manifestPath,
    tag,
    errors,
    access: access.everyone,
    summary: "end-3: pull a manifest by tag or digest",
    headers: [ifNoneMatch],
    answer: {
      status: 200,
      description: "The bytes that were pushed.",
      mediaTypes: manifestTypes,
      headers: [contentDigest, etag],
    },
    also: [{ status: 304, description: "The caller has it." }],
    problems: [404],
  },
  pushManifest: {
    id: "pushManifest",
    method: "PUT",
    path: manifestPath,
    tag,
    errors,
    access: access.everyone,
    summary: "end-7: push a manifest",
    description: "By digest with any number of `tag`: under all of them at once.",
    query: z.strictObject({ tag: z.string().optional() }),
    uploads: [...manifestTypes, "application/json"],
    answer: {
      status: 201,
      description: "It is there.",
      headers: [
        ...created,
        field("OCI-Subject", known, "The subject was noted."),
        field("OCI-Tag", "v1", "A tag that leads to it."),
      ],
    },
    problems: [404, 413, 414, 507],
  },
  deleteManifest: {
    id: "deleteManifest",
    method: "DELETE",
    path: manifestPath,
    tag,
    errors,
    access: access.everyone,
    summary: "end-9: delete a tag or a manifest",
    answer: { status: 202, description: "It is gone." },
    problems: [404, 409],
  },
  listReferrers: {
    id: "listReferrers",
    method: "GET",
    path: "/v2/{name}/referrers/{digest}",
    tag,
    errors,
    access: access.everyone,
    summary: "end-12: manifests whose subject this is",
    query: z.strictObject({ artifactType: z.string().optional(), last: digest.optional() }),
    answer: {
      status: 200,
      description: "An index.",
      mediaTypes: [mediaTypes.ociIndex],
      headers: [field("OCI-Filters-Applied", "artifactType", "When it was filtered."), link],
    },
    problems: [404],
  },
  listTags: {
    id: "listTags",
    method: "GET",
    path: "/v2/{name}/tags/list",
    tag,
    errors,
    access: access.everyone,
    summary: "end-8: tags, in byte order",
    query: z.strictObject(page),
    answer: {
      status: 200,
      description: "One page.",
      schema: z.object({ name: z.string(), tags: z.array(z.string()) }),
      headers: [link],
    },
    problems: [404],
  },
  listCatalog: {
    id: "listCatalog",
    method: "GET",
    path: "/v2/_catalog",
    tag,
    errors,
    access: access.everyone,
    summary: "Repositories that have a manifest (of the Docker registry's interface, not of the spec)",
    query: z.strictObject(page),
    answer: {
      status: 200,
      description: "One page.",
      schema: z.object({ repositories: z.array(z.string()) }),
      headers: [link],
    },
  },
} as const satisfies Record<string, Operation>;

const scopes = { scope: z.string().optional(), service: z.string().optional(), account: z.string().optional() };
const token = z.object({
  token: z.string(),
  access_token: z.string(),
  token_type: z.literal("Bearer"),
  expires_in: z.int(),
  issued_at: z.string(),
  scope: z.string(),
});

/** The token endpoint of the distribution project; there where authentication is. */
export const tokenOperations = {
  getRegistryToken: {
    id: "getRegistryToken",
    method: "GET",
    path: "/v2/token",
    tag,
    errors,
    access: access.public,
    summary: "A token for some scopes, by Basic authentication or by nobody's",
    query: z.strictObject(scopes),
    answer: { status: 200, description: "What the caller may do of what was asked for.", schema: token },
  },
  postRegistryToken: {
    id: "postRegistryToken",
    method: "POST",
    path: "/v2/token",
    tag,
    errors,
    access: access.public,
    summary: "The same by a form (OAuth 2)",
    uploads: ["application/x-www-form-urlencoded"],
    answer: { status: 200, description: "What the caller may do of what was asked for.", schema: token },
    problems: [413],
  },
} as const satisfies Record<string, Operation>;
