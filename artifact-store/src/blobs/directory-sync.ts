import { open, type FileHandle } from "node:fs/promises";

/**
 * Makes renames durable: fsync of a directory, shared by everybody who needs it. Whoever asks while one is running gets
 * the next, because the running one may have begun before their rename. Directories stay open: there are a few hundred at
 * most, and each is synced again and again.
 */
export class DirectorySync {
  readonly #open = new Map<string, Promise<FileHandle>>();
  readonly #running = new Map<string, { current: Promise<void>; next?: Promise<void> }>();

  sync(path: string): Promise<void> {
    const running = this.#running.get(path);
    if (running === undefined) {
      const entry: { current: Promise<void>; next?: Promise<void> } = { current: this.#run(path) };
      this.#running.set(path, entry);
      this.#forget(path, entry);
      return entry.current;
    }
    running.next ??= running.current.catch(() => undefined).then(() => this.sync(path));
    return running.next;
  }

  #forget(path: string, entry: { current: Promise<void> }): void {
    const forget = (): void => {
      if (this.#running.get(path) === entry) this.#running.delete(path);
    };
    entry.current.then(forget, forget);
  }

  async close(): Promise<void> {
    const handles = [...this.#open.values()];
    this.#open.clear();
    for (const handle of handles) await (await handle).close();
  }

  async #run(path: string): Promise<void> {
    const opening = this.#open.get(path) ?? open(path, "r");
    this.#open.set(path, opening);
    try {
      await (await opening).sync();
    } catch (error) {
      // Not this handle again: it may be of a directory that is gone.
      this.#open.delete(path);
      await opening.then(
        (handle) => handle.close(),
        () => undefined,
      );
      throw error;
    }
  }
}
