import { open } from "node:fs/promises";
import { KubernetesError } from "./kubernetes-error.ts";

/** No token, certificate or kubeconfig is larger. */
export const largestFile = 256 * 1024;

/**
 * Text of a file.
 * @throws KubernetesError CONFIGURATION when it cannot be read or is larger than 256 KiB.
 */
export async function readSmallFile(path: string, what: string): Promise<string> {
  try {
    await using file = await open(path, "r");
    const buffer = Buffer.alloc(largestFile + 1);
    let length = 0;
    // A pipe or a file of unknown size (/proc) is read to its end, but never past the limit.
    for (;;) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length, null);
      length += bytesRead;
      if (bytesRead === 0 || length === buffer.length) break;
    }
    if (length > largestFile) throw new Error("it is larger than 256 KiB");
    return buffer.toString("utf8", 0, length);
  } catch (error) {
    throw new KubernetesError({
      code: "CONFIGURATION",
      message: `${what} ${path} cannot be read: ${error instanceof Error ? error.message : "failed"}`,
      advice: "Check that the file is there, small, and readable by this user.",
      cause: error,
    });
  }
}

/**
 * A file whose text changes under us, as the token of a service account does each hour: read again when what we have
 * is older than `maxAgeMs`. While it cannot be read the last text stays in use.
 */
export function rotatingFile(
  path: string,
  what: string,
  maxAgeMs = 10_000,
): (o?: { readonly fresh?: boolean }) => Promise<string> {
  let text: string | undefined;
  let readAt = Number.NEGATIVE_INFINITY;
  return async (o) => {
    if (text !== undefined && o?.fresh !== true && performance.now() - readAt < maxAgeMs) return text;
    try {
      text = (await readSmallFile(path, what)).trim();
    } catch (error) {
      if (text === undefined) throw error;
    }
    readAt = performance.now();
    return text;
  };
}
