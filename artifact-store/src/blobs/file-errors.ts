import { StoreError } from "../errors/index.ts";

export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

/** Passes a file operation on; a full disk becomes the store's word for it. */
export async function told<T>(operation: Promise<T>): Promise<T> {
  try {
    return await operation;
  } catch (error) {
    if (!hasCode(error, "ENOSPC") && !hasCode(error, "EDQUOT")) throw error;
    throw new StoreError("STORAGE_FULL", "no room left where the store keeps its bytes: free some, or grow it", {
      cause: error,
    });
  }
}
