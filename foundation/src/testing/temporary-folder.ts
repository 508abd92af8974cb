import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

export interface TemporaryFolder extends AsyncDisposable {
  readonly path: string;
}

/** An empty folder; `await folder[Symbol.asyncDispose]()` removes it with everything in it. */
export async function temporaryFolder(prefix: string): Promise<TemporaryFolder> {
  const created = await realpath(await mkdtemp(path.join(tmpdir(), prefix)));
  return {
    path: created,
    [Symbol.asyncDispose]: () => rm(created, { recursive: true, force: true, maxRetries: 3 }),
  };
}
