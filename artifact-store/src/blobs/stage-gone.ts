import { StoreError } from "../errors/index.ts";

/** What every backend says of a stage that is not there, or no longer. */
export function stageGone(cause?: unknown): StoreError {
  const message = "there is no such upload: it was finished, cancelled, or has expired";
  return new StoreError("BLOB_UPLOAD_UNKNOWN", message, { cause });
}
