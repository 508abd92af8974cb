import type { BlobBackend } from "./contract.ts";
import { openFilesystemBackend } from "./filesystem.ts";
import type { BlobLocation } from "./location.ts";
import type { BucketOptions } from "./object-bucket.ts";

/**
 * Opens the backend of a location.
 * @param options.spools a folder on this machine, for S3: parts on their way
 */
export async function openBlobs(
  location: BlobLocation,
  options: BucketOptions & { readonly spools: string },
): Promise<BlobBackend> {
  if (location.kind === "file") return await openFilesystemBackend(location.folder);
  const { openS3Backend } = await import("./s3.ts");
  return await openS3Backend(location, options);
}
