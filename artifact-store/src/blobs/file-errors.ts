import { StoreError } from "../errors/index.ts";

export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

/** Over in a moment: no handle left for one more file, or a network file system that is not there right now. */
const passing = ["EMFILE", "ENFILE", "ESTALE", "ETIMEDOUT", "EHOSTDOWN"];
const forbidden = ["EROFS", "EACCES", "EPERM"];

/** Passes a file operation on; what a disk can suffer from gets the store's word for it. */
export async function told<T>(operation: Promise<T>): Promise<T> {
  try {
    return await operation;
  } catch (error) {
    throw diskFailure(error);
  }
}

/** The store's word for what a disk suffers from; other errors as they are. */
export function diskFailure(error: unknown): unknown {
  const has = (codes: readonly string[]): boolean => codes.some((code) => hasCode(error, code));
  const cause = { cause: error };
  if (has(["ENOSPC", "EDQUOT"])) {
    return new StoreError("STORAGE_FULL", "no room left where the store keeps its bytes: free some, or grow it", cause);
  }
  if (has(forbidden)) {
    const sentence = hasCode(error, "EROFS") ? "is read-only now" : "may not be written to by this user";
    const todo = "see what its system log says of that disk, or give the folder to this user";
    return new StoreError("STORAGE_REFUSED", `the place where the store keeps its bytes ${sentence}: ${todo}`, cause);
  }
  if (!has(passing)) return error;
  const sentence = "the file system where the store keeps its bytes does not answer now: raise the limit of open files";
  return new StoreError("STORAGE_UNAVAILABLE", `${sentence} (ulimit -n), or look after the network`, cause);
}
