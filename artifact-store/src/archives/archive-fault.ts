import { StoreError } from "../errors/index.ts";

/** @param what names the entry where there is one */
export function archiveFault(what: string, cause?: unknown): StoreError {
  return new StoreError("ARCHIVE_INVALID", what, cause === undefined ? undefined : { cause });
}

export function archiveTooLarge(what: string): StoreError {
  return new StoreError("TOO_LARGE", what);
}
