/**
 * The store: blobs, uploads, manifests and tags over one backend and one catalog. Every change is one commit, made after
 * the bytes it names are durable, with its events in it.
 */
export { openStore, type Store, type StoreOptions } from "./open.ts";
export { defaultStoreLimits, type StoreLimits } from "./limits.ts";
export type { Collection } from "./collection.ts";
export type { ManifestRetention, Retention } from "./retention.ts";
export type { BlobStat, Blobs, OpenBlob } from "./blobs.ts";
export type { BlobDamage } from "./quarantine.ts";
export type { ManifestPage, ManifestReference, Manifests, ReferrerPage, StoredManifest } from "./manifests.ts";
export type { Repositories, RepositoryPage } from "./repositories.ts";
export type { ResumableUpload, ResumableUploads } from "./resumable-uploads.ts";
export type { TagPolicies } from "./tag-policies.ts";
export type { TagPage, Tags } from "./tags.ts";
export type { Uploads } from "./uploads.ts";
