import { readFile } from "node:fs/promises";

/** Kubernetes renews a projected token when four fifths of its time are over: minutes before the old one ends. */
const readEveryMs = 10_000;

/**
 * The token in a file that changes under us. Read anew when what we have is ten seconds old; while the file cannot be
 * read the last token stays in use.
 */
export function tokenFile(path: string, clock: () => number = () => performance.now()): () => Promise<string> {
  let token: string | undefined;
  let readAt = Number.NEGATIVE_INFINITY;
  return async () => {
    if (token !== undefined && clock() - readAt < readEveryMs) return token;
    try {
      const text = (await readFile(path, "utf8")).trim();
      // A line break or a blank inside would be another header, not a token.
      if (!/^[!-~]{1,16384}$/.test(text)) throw new Error("there is no token in it");
      token = text;
    } catch (error) {
      if (token === undefined) {
        const why = error instanceof Error ? error.message : String(error);
        throw new Error(`the token file ${path} cannot be used: ${why}`, { cause: error });
      }
    }
    readAt = clock();
    return token;
  };
}
