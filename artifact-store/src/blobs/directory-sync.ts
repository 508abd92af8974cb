import { open } from "node:fs/promises";

/**
 * Makes renames durable: fsync of a directory, shared by everybody who needs it. Whoever asks while one is running gets
 * the next, because the running one may have begun before their rename.
 */
export class DirectorySync {
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

  async #run(path: string): Promise<void> {
    const directory = await open(path, "r");
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  }
}
