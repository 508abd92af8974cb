/**
 * Where bytes lie. `BlobBackend` is the contract that every place for bytes keeps (`contract.suite.ts` tries each of its
 * promises); `openFilesystemBackend` is the first such place. A backend knows digests and stages, and nothing of
 * repositories, tenants or visibility: what it holds is only reachable through the catalog.
 */
export {
  shardCount,
  type BlobBackend,
  type BlobReader,
  type ByteRange,
  type Stage,
  type StageWriter,
} from "./contract.ts";
export { digestOfKey, freshKey, parseBlobKey, uploadKey, uploadOfKey, type BlobKey } from "./key.ts";
export { openFilesystemBackend } from "./filesystem.ts";
export { parseBlobLocation, type BlobLocation } from "./location.ts";
export { openBlobs } from "./locate.ts";
export { movingBackend } from "./moving.ts";
export { VerifiedReader } from "./verified-reader.ts";
export { withCache } from "./with-cache.ts";
export { withLimit } from "./with-limit.ts";
export { withRetry } from "./with-retry.ts";
export { withRoom } from "./with-room.ts";
export type { RetryPolicy } from "./retry.ts";
export type { S3Credentials } from "./object-bucket.ts";
export { examineBlobs, type BucketExamination, type FolderExamination } from "./examine.ts";
export type { BlobRequest } from "./watch-requests.ts";
export { Spool } from "./spool.ts";
export { resolveRange, type RangeRequest } from "./range.ts";
