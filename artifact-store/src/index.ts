/**
 * artifact-store: a content-addressed store for artifacts that any program can embed. `openStore` gives blobs, uploads,
 * manifests, tags and events over a folder and a catalog; there is no HTTP in here. Names and digests are checked by
 * `parseRepositoryName`, `parseTag` and `parseDigest` before anything else takes them.
 */
export {
  defaultStoreLimits,
  openStore,
  type BlobDamage,
  type Blobs,
  type BlobStat,
  type Collection,
  type ManifestRetention,
  type ManifestPage,
  type ManifestReference,
  type Manifests,
  type OpenBlob,
  type Repositories,
  type RepositoryPage,
  type ReferrerPage,
  type ResumableUpload,
  type ResumableUploads,
  type Retention,
  type Store,
  type StoreLimits,
  type StoreOptions,
  type StoredManifest,
  type TagPage,
  type TagPolicies,
  type Tags,
  type Uploads,
} from "./store/index.ts";
export {
  storeMigrations,
  type Extension,
  type HoldRow,
  type ListedManifest,
  type StoreTables,
  type TagPolicy,
  type Tombstone,
  type Visible,
} from "./catalog/index.ts";
export { digestOf, parseDigest, type Digest } from "./digest/index.ts";
export { StoreError, type StoreErrorCode } from "./errors/index.ts";
export { parseRepositoryName, parseTag, tenantOfRepository, type RepositoryName, type Tag } from "./names/index.ts";
export {
  contentsOf,
  manifestLimitBytes,
  mediaTypes,
  type ManifestContents,
  type ManifestPart,
} from "./manifests/index.ts";
export type { ByteSource, RunningUpload, SweepResult, UploadStatus } from "./uploads/index.ts";
export {
  examineBlobs,
  type BlobReader,
  type BlobRequest,
  type BucketExamination,
  type ByteRange,
  type FolderExamination,
  type S3Credentials,
} from "./blobs/index.ts";
export type { Relocation, RelocationOptions, RelocationProgress, RelocationResult } from "./relocation/index.ts";
export { resolveRange, type RangeRequest } from "./blobs/index.ts";
export {
  parseSavedPlan,
  type AuditFinding,
  type AuditProgress,
  type AuditResult,
  type CollectionPlan,
  type CollectionProgress,
  type CollectionResult,
  type CollectionStep,
  type Policy,
  type SavedPlan,
  type Simulation,
} from "./collection/index.ts";
export {
  standardClass,
  type Eligibility,
  type NamedReason,
  type RetentionClass,
  type TagRules,
  type TagVerdict,
} from "./retention/index.ts";
export {
  archiveFormats,
  describeRun,
  describeRunFolder,
  checkPath,
  PathSet,
  type ArchiveFormat,
  type ArchiveOptions,
  type NewPackage,
  type OpenPackageFile,
  type Package,
  type PackageDescription,
  type PackageFile,
  type PackageFilePage,
  type PackageLink,
  type PackagePage,
  type PackageQuery,
  type Packages,
  type PackageState,
} from "./packages/index.ts";
export {
  signatureOf,
  type DeadLetter,
  type DeliveryLimits,
  type NewWebhook,
  type Webhook,
  type Webhooks,
} from "./webhooks/index.ts";
export type { StoreEvent } from "./events/index.ts";
export { writeArchive, type FileToPack } from "./archives/index.ts";
