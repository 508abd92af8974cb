import { temporaryFolder } from "@waybill/foundation/testing";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { digestOf, type Digest } from "../digest/index.ts";
import { StoreError } from "../errors/index.ts";
import { mediaTypes } from "../manifests/index.ts";
import { parseRepositoryName, parseTag, type RepositoryName, type Tag } from "../names/index.ts";
import { openStore, type Store } from "./index.ts";

const repository = parseRepositoryName("acme/app");
const elsewhere = parseRepositoryName("acme/other");

/** Undefined: it is not there. */
type State = Digest | undefined;

/**
 * Something that one writer changes and many readers look at, in no order. A reader must find what was acknowledged last
 * when it began, or something that was written since: never anything older.
 */
class Register {
  readonly #written: State[] = [undefined];
  #acknowledged = 0;
  #writing: Promise<void> = Promise.resolve();

  write(state: State, change: () => Promise<unknown>): Promise<void> {
    this.#writing = this.#after(this.#writing, state, change);
    return this.#writing;
  }

  async #after(before: Promise<void>, state: State, change: () => Promise<unknown>): Promise<void> {
    await before;
    const index = this.#written.push(state) - 1;
    await change();
    this.#acknowledged = index;
  }

  /** Undefined when all is well. */
  async read(look: () => Promise<State>): Promise<string | undefined> {
    const from = this.#acknowledged;
    const found = await look();
    const allowed = this.#written.slice(from);
    return allowed.includes(found) ? undefined : `${found} was found, which is none of ${allowed.join()}`;
  }
}

async function orMissing(look: Promise<{ readonly digest: Digest }>): Promise<State> {
  try {
    return (await look).digest;
  } catch (error) {
    if (error instanceof StoreError && error.code.endsWith("_UNKNOWN")) return undefined;
    throw error;
  }
}

function manifest(index: number): { readonly content: Buffer; readonly digest: Digest } {
  const annotations = { "org.opencontainers.image.revision": String(index) };
  const content = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [], annotations }),
  );
  return { content, digest: digestOf(content) };
}

/** How many turns of the event loop come before a step; it does not wait for the one before it. */
const pause = fc.constantFrom(0, 0, 1, 2, 5);
const step = fc.record({
  pause,
  do: fc.oneof(
    fc.record({ what: fc.constant("tag" as const), tag: fc.nat(1), manifest: fc.nat(3) }),
    fc.record({ what: fc.constant("untag" as const), tag: fc.nat(1) }),
    fc.record({ what: fc.constantFrom("blob" as const, "unlink" as const) }),
    { weight: 5, arbitrary: fc.record({ what: fc.constant("read" as const) }) },
  ),
});

class World {
  readonly #store: Store;
  readonly #tags: readonly { readonly name: Tag; readonly register: Register }[];
  readonly #bytes: Buffer;
  readonly #blob = new Register();
  readonly #doing: Promise<string | void>[] = [];

  constructor(store: Store, run: number) {
    this.#store = store;
    this.#tags = [0, 1].map((index) => ({ name: parseTag(`t${index}-${run}`), register: new Register() }));
    this.#bytes = Buffer.from(`the blob of run ${run}`);
  }

  begin(one: (typeof step extends fc.Arbitrary<infer T> ? T : never)["do"]): void {
    const { manifests, tags, blobs } = this.#store;
    if (one.what === "read") {
      this.#read();
    } else if (one.what === "tag" || one.what === "untag") {
      const { name, register } = this.#tags[one.tag]!;
      if (one.what === "tag") {
        const { content, digest } = manifest(one.manifest);
        this.#doing.push(register.write(digest, () => manifests.put(repository, content, { tags: [name] })));
      } else {
        this.#doing.push(register.write(undefined, () => tags.remove(repository, name).catch(ignoreMissing)));
      }
    } else if (one.what === "blob") {
      const source = { chunks: new Blob([this.#bytes]).stream() };
      const digest = digestOf(this.#bytes);
      this.#doing.push(this.#blob.write(digest, () => blobs.put(elsewhere, source, digest)));
    } else {
      const digest = digestOf(this.#bytes);
      this.#doing.push(this.#blob.write(undefined, () => blobs.remove(elsewhere, digest).catch(ignoreMissing)));
    }
  }

  /** What was found that should not have been, once all is over. */
  async stale(): Promise<string[]> {
    return (await Promise.all(this.#doing)).filter((word) => word !== undefined);
  }

  #read(): void {
    const { manifests, blobs } = this.#store;
    for (const { name, register } of this.#tags) {
      this.#doing.push(register.read(() => orMissing(manifests.get(repository, { tag: name }))));
    }
    const shown = (where: RepositoryName) => orMissing(blobs.stat(where, digestOf(this.#bytes)));
    this.#doing.push(this.#blob.read(() => shown(elsewhere)));
  }
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof StoreError && error.code.endsWith("_UNKNOWN"))) throw error;
}

describe("reads beside writes", () => {
  it("find what was acknowledged before they began, or what came since", { timeout: 120_000 }, async () => {
    await using folder = await temporaryFolder("waybill-fresh-");
    const store = await openStore({ root: folder.path, limits: { collectEveryMs: 0 } });
    let run = 0;
    try {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
          const world = new World(store, run++);
          for (const one of steps) {
            for (let turn = 0; turn < one.pause; turn++) await new Promise((resolve) => setImmediate(resolve));
            world.begin(one.do);
          }
          expect(await world.stale()).toEqual([]);
        }),
        { numRuns: 60, endOnFailure: true },
      );
    } finally {
      await store.close();
    }
  });
});
