import { strict as assert } from "node:assert";
import { blobOf } from "../catalog/index.ts";
import { digestOf } from "../digest/index.ts";
import type { RepositoryName } from "../names/index.ts";
import type { CollectionScene } from "./collection-scene.suite.ts";

/** Who was told that a blob is there may rely on it for half a lease at least, and on one that was just written for all of it. */
export class Promises {
  readonly #scene: CollectionScene;
  readonly #leaseMs: number;
  readonly #told = new Map<string, { readonly repository: RepositoryName; readonly text: string; until: number }>();

  constructor(scene: CollectionScene, leaseMs: number) {
    this.#scene = scene;
    this.#leaseMs = leaseMs;
  }

  written(repository: RepositoryName, texts: readonly string[]): void {
    for (const text of texts) this.#tell(repository, text, this.#leaseMs);
  }

  /** `HEAD`: what was promised must be there; the rest may be. */
  async ask(pick: number): Promise<void> {
    const known = [...this.#told.values()];
    const one = known[pick % Math.max(1, known.length)];
    if (one === undefined) return;
    const { repository, text } = one;
    const digest = digestOf(Buffer.from(text));
    const isThere = await this.#scene.store.blobs.stat(repository, digest).then(
      () => true,
      () => false,
    );
    assert(isThere || !this.#isPromised(repository, text), `${text} of ${repository} was promised`);
    if (isThere) this.#tell(repository, text, this.#leaseMs / 2);
  }

  async mount(to: RepositoryName, text: string, from: RepositoryName): Promise<void> {
    const mounted = await this.#scene.store.blobs.mount(to, digestOf(Buffer.from(text)), from);
    assert(mounted !== undefined || !this.#isPromised(from, text), `${text} of ${from} was promised`);
    if (mounted !== undefined) this.written(to, [text]);
  }

  /** Looks without being told, which would be a promise of its own. */
  async areKept(): Promise<void> {
    const { database, place, now } = this.#scene;
    for (const { repository, text, until } of this.#told.values()) {
      if (until <= now) continue;
      const row = await blobOf(database.read, repository, digestOf(Buffer.from(text)));
      assert(row !== undefined, `${repository} shows ${text} no more, ${until - now} ms before its lease ends`);
      assert.equal(await place.backend.blobSize(row.key), text.length);
    }
  }

  #isPromised(repository: RepositoryName, text: string): boolean {
    return (this.#told.get(`${repository} ${text}`)?.until ?? 0) > this.#scene.now;
  }

  #tell(repository: RepositoryName, text: string, ms: number): void {
    const name = `${repository} ${text}`;
    const until = Math.max(this.#told.get(name)?.until ?? 0, this.#scene.now + ms);
    this.#told.set(name, { repository, text, until });
  }
}
