import { mkdir, open, stat, statfs, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { withRoom, type BlobBackend } from "../blobs/index.ts";
import { StoreError } from "../errors/index.ts";

/** For the log of the catalog, which has up to 4 MiB before its content goes where it belongs, and for what it names. */
const reserveBytes = 4 * 1024 * 1024;

/**
 * A file that is there to be removed: on a full disk even a deletion has to be written down first, and without room for that
 * nothing could ever be freed. The catalog gets its room when it is full; bytes of pushes are refused until the file is
 * back, so that they cannot eat it.
 */
export class Reserve {
  readonly #path: string;
  #isHeld = false;
  #making: Promise<boolean> | undefined;

  /** @param path of the file, on the disk of the catalog */
  constructor(path: string) {
    this.#path = path;
  }

  /** Makes the file if there is room for it. @returns whether it is there now */
  async hold(): Promise<boolean> {
    if (this.#isHeld) return true;
    return await (this.#making ??= this.#make().finally(() => (this.#making = undefined)));
  }

  /** Gives the room to whoever writes next. @returns false when there was none to give */
  async release(): Promise<boolean> {
    await this.#making;
    this.#isHeld = false;
    return await unlink(this.#path).then(
      () => true,
      () => false,
    );
  }

  /** When nothing is under way any more. */
  async close(): Promise<void> {
    await this.#making;
  }

  /** A place that takes bytes only while the reserve is there. */
  guard(backend: BlobBackend): BlobBackend {
    return withRoom(backend, async () => {
      if (await this.hold()) return;
      throw new StoreError(
        "STORAGE_FULL",
        "no room left on the disk of the catalog: free some, or grow it; what is deleted is given back by the collection",
      );
    });
  }

  async #make(): Promise<boolean> {
    try {
      await mkdir(dirname(this.#path), { recursive: true });
      const found = await stat(this.#path).catch(() => undefined);
      if (found?.size !== reserveBytes) {
        const { bavail, bsize } = await statfs(dirname(this.#path));
        // With as much again, so that it is not made and given away in turn.
        if (bavail * bsize < 2 * reserveBytes) return false;
        const file = await open(this.#path, "w", 0o640);
        try {
          // Written, because a file of holes keeps nothing.
          await file.writeFile(new Uint8Array(reserveBytes));
          await file.sync();
        } finally {
          await file.close();
        }
      }
      this.#isHeld = true;
      return true;
    } catch {
      await unlink(this.#path).catch(() => undefined);
      return false;
    }
  }
}
