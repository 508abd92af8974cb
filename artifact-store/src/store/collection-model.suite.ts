import { strict as assert } from "node:assert";
import { buffer } from "node:stream/consumers";
import type { DatabaseKind } from "@waybill/foundation/testing";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { digestOf, type Digest } from "../digest/index.ts";
import { parseTag, type RepositoryName } from "../names/index.ts";
import type { TestPlace } from "../testing/index.ts";
import { Promises } from "./collection-promises.suite.ts";
import { brief, CollectionScene, hold, home, packageLifetimeMs } from "./collection-scene.suite.ts";

const repository = fc.constantFrom(home, brief);
const layer = fc.constantFrom("a", "b", "c");
const layers = fc.subarray(["a", "b", "c"], { minLength: 1 });
const pick = fc.nat(9);
const tag = fc.constantFrom("t", "u");

const step = fc.oneof(
  fc.record({ do: fc.constant("push" as const), repository, layers, tag: fc.option(tag, { nil: undefined }) }),
  fc.record({ do: fc.constant("blob" as const), repository, layer }),
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom("ask" as const, "pull" as const), pick }) },
  fc.record({ do: fc.constant("mount" as const), layer }),
  fc.record({ do: fc.constantFrom("delete" as const, "hold" as const, "release" as const), pick }),
  fc.record({ do: fc.constant("untag" as const), repository, tag }),
  fc.record({ do: fc.constant("open" as const), repository, layers }),
  fc.record({ do: fc.constant("add" as const), layer, pick }),
  fc.record({ do: fc.constant("seal" as const), pick }),
  fc.record({ do: fc.constant("restart" as const) }),
  fc.record({ do: fc.constant("interrupt" as const), after: fc.nat(3) }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Time goes on and collections come between any two steps: rules that are about both meet often. */
const moment = fc.record({
  wait: fc.constantFrom(0, 0, 1, 3, 6, 11, 30),
  collects: fc.constantFrom(true, true, false),
  step,
});

/** Of manifests in `brief`: their lease ends after it, or before. */
const lifetime = fc.constantFrom(8, 40);

interface Kept {
  readonly repository: RepositoryName;
  readonly digest: Digest;
  readonly layers: readonly string[];
  readonly expiresAt: number;
  usedAt: number;
  held: boolean;
}

interface OpenPackage {
  readonly id: string;
  readonly repository: RepositoryName;
  readonly layers: Set<string>;
  expiresAt: number;
}

/**
 * A lease is the longest: what only a lease keeps is kept by nothing else then, and a lease that is not minded, not given or
 * given too late shows.
 */
const patience = { leaseMs: 30, graceMs: 2, looseBlobMs: 12 };
const { leaseMs } = patience;

/** What must be there, and what may go, after some steps: the store beside it has to agree after each. */
class Model {
  readonly #scene: CollectionScene;
  readonly #manifests = new Map<string, Kept>();
  readonly #packages = new Map<string, OpenPackage>();
  readonly #promises: Promises;
  readonly #lifetimeMs: number;

  /** @param lifetimeMs of what is pushed to `brief` */
  constructor(scene: CollectionScene, lifetimeMs: number) {
    this.#scene = scene;
    this.#lifetimeMs = lifetimeMs;
    this.#promises = new Promises(scene, leaseMs);
  }

  async take(one: Step): Promise<void> {
    const scene = this.#scene;
    switch (one.do) {
      case "push": {
        const named = one.tag === undefined ? {} : { tag: one.tag };
        const digest = await scene.putManifest(one.layers, { repository: one.repository, ...named });
        this.#promises.written(one.repository, ["{}", ...one.layers]);
        return this.#keep(one.repository, digest, one.layers);
      }
      case "blob":
        await scene.put(one.layer, one.repository);
        return this.#promises.written(one.repository, [one.layer]);
      case "ask":
        return await this.#promises.ask(one.pick);
      case "pull":
        return await this.#pull(picked(this.#manifests, one.pick));
      case "mount":
        return await this.#promises.mount(brief, one.layer, home);
      case "untag":
        return await scene.store.tags.remove(one.repository, parseTag(one.tag)).catch(() => undefined);
      case "open": {
        const id = await scene.openPackage(one.layers, one.repository);
        const expiresAt = scene.now + packageLifetimeMs;
        this.#packages.set(id, { id, repository: one.repository, layers: new Set(one.layers), expiresAt });
        this.#promises.written(one.repository, one.layers);
        return;
      }
      case "add":
        return await this.#add(picked(this.#packages, one.pick), one.layer);
      case "seal":
        return await this.#seal(picked(this.#packages, one.pick));
      case "interrupt":
        return await this.#interrupt(one.after);
      case "restart":
        return await scene.reopen();
      default:
        return await this.#change(one.do, picked(this.#manifests, one.pick));
    }
  }

  async agrees(): Promise<void> {
    const { isThere, store, now } = this.#scene;
    await this.#promises.areKept();
    for (const kept of this.#manifests.values()) assert(await isThere(kept.digest, kept.repository));
    for (const one of this.#packages.values()) {
      assert.equal((await store.packages.get(one.id)).state, one.expiresAt <= now ? "expired" : "open");
    }
  }

  async isReadable(): Promise<void> {
    const { store, now } = this.#scene;
    for (const { repository: where, layers: named } of this.#manifests.values()) {
      for (const text of ["{}", ...named]) {
        const { reader } = await store.blobs.open(where, digestOf(Buffer.from(text)));
        assert.equal((await buffer(reader.stream())).toString(), text);
      }
    }
    for (const { id, layers: named } of [...this.#packages.values()].filter((one) => one.expiresAt > now)) {
      for (const text of named) {
        const { reader } = await store.packages.openFile(id, text);
        assert.equal((await buffer(reader.stream())).toString(), text);
      }
    }
  }

  /** Lets go of everything: what is open goes by itself. */
  async end(): Promise<void> {
    for (const one of this.#manifests.values()) {
      await this.#scene.store.retention.release(one.repository, one.digest, hold.name);
      await this.#scene.store.manifests.remove(one.repository, one.digest);
    }
  }

  #keep(where: RepositoryName, digest: Digest, named: readonly string[]): void {
    const { now } = this.#scene;
    const known = this.#manifests.get(`${where} ${digest}`);
    const expiresAt = known?.expiresAt ?? (where === brief ? now + this.#lifetimeMs : Number.MAX_SAFE_INTEGER);
    const held = known?.held ?? false;
    const kept = { repository: where, digest, layers: named, expiresAt, usedAt: now, held };
    this.#manifests.set(`${where} ${digest}`, kept);
  }

  async #add(to: OpenPackage | undefined, text: string): Promise<void> {
    if (to === undefined) return;
    const { store, now } = this.#scene;
    const added = store.packages.addFile(to.id, text, { chunks: new Blob([text]).stream() });
    if (to.expiresAt <= now) return await assert.rejects(added, { code: "PACKAGE_GONE" });
    await added;
    this.#promises.written(to.repository, [text]);
    to.layers.add(text);
    to.expiresAt = now + packageLifetimeMs;
  }

  async #seal(one: OpenPackage | undefined): Promise<void> {
    if (one === undefined) return;
    const { store, now } = this.#scene;
    const sealing = store.packages.seal(one.id);
    if (one.expiresAt <= now) return await assert.rejects(sealing, { code: "PACKAGE_GONE" });
    const { digest } = await sealing;
    if (digest === undefined) throw new Error("a sealed package has a digest");
    this.#packages.delete(one.id);
    this.#keep(one.repository, digest, [...one.layers]);
  }

  /** A lease, too, renewed at half time. */
  async #pull(one: Kept | undefined): Promise<void> {
    if (one === undefined) return;
    const { now, store } = this.#scene;
    await store.manifests.get(one.repository, { digest: one.digest });
    if (now - one.usedAt > leaseMs / 2) one.usedAt = now;
  }

  async #change(what: "delete" | "hold" | "release", one: Kept | undefined): Promise<void> {
    if (one === undefined) return;
    const { manifests, retention } = this.#scene.store;
    if (what === "delete") {
      const gone = await manifests.remove(one.repository, one.digest).then(
        () => true,
        () => false,
      );
      if (gone === one.held) throw new Error("a hold was ignored, or a deletion refused without one");
      if (gone) this.#manifests.delete(`${one.repository} ${one.digest}`);
      return;
    }
    if (what === "hold") await retention.hold(one.repository, one.digest, hold);
    else await retention.release(one.repository, one.digest, hold.name);
    one.held = what === "hold";
  }

  wait(ms: number): void {
    this.#scene.now += ms;
  }

  /** A run does what the plan before it says; all that may go is gone then. */
  async collect(): Promise<void> {
    const { collection } = this.#scene.store;
    const plan = await collection.plan();
    assert.deepEqual(await collection.run(), plan);
    for (const [name, one] of this.#manifests) if (this.#mayGo(one)) this.#manifests.delete(name);
    for (const [id, one] of this.#packages) if (one.expiresAt <= this.#scene.now) this.#packages.delete(id);
  }

  /** As if killed between two steps: some of what may go is gone then. */
  async #interrupt(after: number): Promise<void> {
    const { store, isThere } = this.#scene;
    const stop = new AbortController();
    await store.collection
      .run({ signal: stop.signal, onProgress: ({ steps }) => void (steps > after && stop.abort()) })
      .catch((error: unknown) => {
        if (!stop.signal.aborted) throw error;
      });
    for (const [name, one] of this.#manifests) {
      if (this.#mayGo(one) && !(await isThere(one.digest, one.repository))) this.#manifests.delete(name);
    }
    for (const [id, one] of this.#packages) {
      const gone = one.expiresAt <= this.#scene.now && (await store.packages.get(id)).state === "deleted";
      if (gone) this.#packages.delete(id);
    }
  }

  #mayGo(one: Kept): boolean {
    const { now } = this.#scene;
    return one.expiresAt <= now && !one.held && one.usedAt + leaseMs <= now;
  }
}

function picked<T>(from: ReadonlyMap<string, T>, index: number): T | undefined {
  return [...from.values()][index % Math.max(1, from.size)];
}

/** Any interleaving keeps the invariants, and every run is as its plan. */
export function describeModel(kind: DatabaseKind, startPlace: () => Promise<TestPlace>): void {
  const scene = new CollectionScene(kind, startPlace, patience);
  it(
    "any order of pushes, tags, mounts, packages, deletes, holds, expiries, restarts and collections loses nothing that is kept, keeps nothing else, and does what was planned",
    { timeout: 600_000 },
    async () => {
      await fc.assert(
        fc.asyncProperty(lifetime, fc.array(moment, { minLength: 5, maxLength: 25 }), async (lifetimeMs, moments) => {
          await scene.defineClass("brief", { lifetimeMs });
          await scene.store.retention.useClass(brief, "brief");
          const model = new Model(scene, lifetimeMs);
          for (const { wait, collects, step: one } of moments) {
            model.wait(wait);
            if (collects) await model.collect();
            await model.agrees();
            await model.take(one);
            await model.agrees();
          }
          // Time enough for every lease, grace and young link to end: what is left is kept by rules alone.
          for (let round = 0; round < 3; round++) {
            model.wait(30);
            await model.collect();
            await model.agrees();
          }
          const { findings } = await scene.store.collection.audit();
          expect(findings.filter(({ kind }) => kind !== "unnamed")).toEqual([]);
          await model.isReadable();
          await model.end();
          await scene.settle();
          expect(await scene.files()).toEqual([]);
        }),
        // What a failure left is in the store: shorter ones would begin with that.
        { numRuns: scene.runs(kind === "sqlite" ? 60 : 15), endOnFailure: true },
      );
    },
  );
}
