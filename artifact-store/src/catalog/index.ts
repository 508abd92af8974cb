/**
 * What the store knows: which repository has which blobs, manifests and tags, and which uploads run. Bytes are visible
 * through these rows and in no other way. Functions here take a `Kysely` or a transaction and do one thing each; who
 * groups them into one commit is the store.
 */
export { storeMigrations, type Catalog, type StoreTables } from "./schema.ts";
export { RecentAnswers } from "./recent.ts";
export { missingBlobs, missingManifests } from "./missing.ts";
export {
  blobOf,
  keyOfBlob,
  leaseBlob,
  leaseShownBlob,
  linkBlob,
  lyingUnder,
  recordBlob,
  unlinkBlob,
  type BlobRow,
} from "./blobs.ts";
export { markDamaged } from "./damage.ts";
export {
  blobState,
  condemnBlob,
  dependantsOf,
  dueBlobs,
  dueManifests,
  everyBlob,
  forgetBlob,
  isBeingRemoved,
  isNamedKey,
  pageAllManifests,
  recordRemoval,
  removals,
  settleBlobReview,
  settleManifestReview,
  settleRemoval,
  sizeOfBlobs,
  type BlobLink,
  type BlobState,
  type ManifestReview,
  type NamedBlob,
  type Removal,
} from "./collection.ts";
export {
  markIndexed,
  recordReferences,
  releaseReferences,
  reviewBlob,
  reviewManifest,
  unindexedManifests,
} from "./references.ts";
export {
  allClasses,
  classInUse,
  classOfRepository,
  defineClass,
  deleteClass,
  extensionsOf,
  findClass,
  findTombstone,
  hasManifest,
  holdsOf,
  manifestFacts,
  placeHold,
  recordExtension,
  recordTombstone,
  releaseHold,
  setClassOfRepository,
  setExpiry,
  tagFacts,
  type Extension,
  type HoldRow,
  type Tombstone,
} from "./retention.ts";
export {
  deleteManifest,
  findManifest,
  insertManifest,
  pageReferrers,
  useManifest,
  type FoundManifest,
} from "./manifests.ts";
export { pageManifests, pageTombstones, pageUploads, type ListedManifest } from "./listings.ts";
export {
  endPackages,
  expiredPackages,
  findPackage,
  insertPackage,
  packageFacts,
  packagesOf,
  releaseFiles,
  searchPackages,
  updatePackage,
  writeLabels,
  type PackageRow,
} from "./packages.ts";
export {
  fileInTheWay,
  findPackageFile,
  packageReferences,
  insertPackageFiles,
  packageBacklog,
  pagePackageFiles,
  settleBacklog,
} from "./package-files.ts";
export {
  deleteDeadLetter,
  deleteWebhook,
  findWebhook,
  insertDeadLetter,
  insertWebhook,
  listDeadLetters,
  listWebhooks,
  updateWebhook,
  type DeadLetterRow,
  type WebhookRow,
} from "./webhooks.ts";
export { Commits, isUnwritable } from "./commits.ts";
export { identityOf, nameCatalog, namesBlobs } from "./identity.ts";
export { beatLease, giveLeaseBack, holdsLease, readLease, takeLease } from "./lease.ts";
export { becomeWriter } from "./writer.ts";
export { placesOf, recordPlaces, type PlaceRow, type PlaceRows } from "./places.ts";
export { ensureRepository, repositoryId } from "./repositories.ts";
export {
  deleteResumableUpload,
  findResumableUpload,
  finishResumableUpload,
  forgetResumableUploads,
  insertResumableUpload,
  setUploadLength,
  type ResumableUploadRow,
  type UploadPart,
} from "./resumable-uploads.ts";
export { allTagPolicies, deleteTagPolicy, putTagPolicy, taggedRepositories, type TagPolicy } from "./tag-policies.ts";
export { deleteTag, pageTags, pointTag, untagManifest } from "./tags.ts";
export { pageRepositories, repositoryWith, type Visible } from "./visible.ts";
export {
  deleteUpload,
  everyUpload,
  expiredUploads,
  extendUpload,
  findUpload,
  insertUpload,
  knownUploads,
  type UploadRow,
} from "./uploads.ts";
