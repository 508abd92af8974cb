/**
 * What the store knows: which repository has which blobs, manifests and tags, and which uploads run. Bytes are visible
 * through these rows and in no other way. Functions here take a `Kysely` or a transaction and do one thing each; who
 * groups them into one commit is the store.
 */
export { storeMigrations, type Catalog, type StoreTables } from "./schema.ts";
export { blobOf, leaseBlob, linkBlob, missingBlobs, recordBlob, unlinkBlob } from "./blobs.ts";
export { deleteManifest, findManifest, insertManifest, missingManifests, pageReferrers } from "./manifests.ts";
export { Commits } from "./commits.ts";
export { ensureRepository, repositoryId } from "./repositories.ts";
export { deleteTag, pageTags, pointTag } from "./tags.ts";
export { pageRepositories, repositoryWith, type Visible } from "./visible.ts";
export {
  deleteUpload,
  expiredUploads,
  extendUpload,
  findUpload,
  insertUpload,
  knownUploads,
  type UploadRow,
} from "./uploads.ts";
