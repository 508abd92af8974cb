import { randomBytes, randomInt } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { testDatabaseUrl, type DatabaseKind } from "@waybill/foundation/testing";
import { expect, it } from "vitest";
import { digestOf, type Digest } from "../digest/index.ts";
import { StoreError } from "../errors/index.ts";
import { mediaTypes } from "../manifests/index.ts";
import { parseRepositoryName, parseTag } from "../names/index.ts";
import type { TestPlace } from "../testing/index.ts";
import { openStore, type Store } from "./index.ts";

const clients = 8;
const fewestPushes = 100;
const repositories = ["acme/one", "acme/two", "acme/three"].map(parseRepositoryName);
/** So few that clients push and drop the same ones all the time. */
const pool = Array.from({ length: 24 }, () => randomBytes(randomInt(100, 40_000)));
const config = Buffer.from("{}");

/** Milliseconds. Half of it at least is left whenever somebody is told that a blob is there. */
const leaseMs = 1000;

interface Counts {
  pushes: number;
  /** Pushes that took longer than what they had been told was promised, so that they may have to begin again. */
  late: number;
  mounts: number;
  deletes: number;
  freed: number;
  runs: number;
  readonly failures: string[];
}

const one = <T>(list: readonly T[]): T => list[randomInt(list.length)]!;

const secondsSince = (begin: number): number => Math.round((performance.now() - begin) / 1000);

/** A layer that is new, one that all share, or one that some client pushed lately, maybe to another repository. */
function makeLayer(lately: readonly Buffer[]): Buffer {
  const dice = randomInt(4);
  if (dice === 0) return one(pool);
  return dice === 1 && lately.length > 0 ? one(lately) : randomBytes(randomInt(100, 20_000));
}

/** Remembers so few that most of them are still there when they are asked for again. */
function remember(lately: Buffer[], layers: readonly Buffer[]): void {
  lately.push(...layers);
  lately.splice(0, Math.max(0, lately.length - 32));
}

/** As docker does: asks for each blob first, and sends only what is not there. */
async function ensureBlob(
  store: Store,
  repository: (typeof repositories)[number],
  bytes: Buffer,
  counts: Counts,
): Promise<Digest> {
  const digest = digestOf(bytes);
  const there = await store.blobs.stat(repository, digest).catch(() => undefined);
  if (there !== undefined) return digest;
  if (await store.blobs.mount(repository, digest, one(repositories))) counts.mounts++;
  else await store.blobs.put(repository, { chunks: new Blob([Uint8Array.from(bytes)]).stream() }, digest);
  return digest;
}

async function client(
  store: Store,
  number: number,
  goesOn: () => boolean,
  lately: Buffer[],
  counts: Counts,
): Promise<void> {
  while (goesOn()) {
    const repository = one(repositories);
    const layers = Array.from({ length: randomInt(1, 4) }, () => makeLayer(lately));
    const startedAt = performance.now();
    try {
      const all = [config, ...layers];
      const digests: Digest[] = [];
      for (const bytes of all) digests.push(await ensureBlob(store, repository, bytes, counts));
      const descriptors = digests.map((digest, index) => ({
        mediaType: "application/octet-stream",
        digest,
        size: all[index]!.length,
      }));
      const manifest = {
        schemaVersion: 2,
        mediaType: mediaTypes.ociImage,
        config: descriptors[0],
        layers: descriptors.slice(1),
        annotations: { number: String(randomInt(50)) },
      };
      const content = Buffer.from(JSON.stringify(manifest));
      const { digest } = await store.manifests.put(repository, content, { tags: [parseTag(`t${randomInt(10)}`)] });
      counts.pushes++;
      remember(lately, layers);
      if (randomInt(4) > 0) {
        // Another client may have deleted the same one.
        if (
          await store.manifests.remove(repository, digest).then(
            () => true,
            () => false,
          )
        )
          counts.deletes++;
      } else if (number % 2 === 0) {
        await store.tags.remove(repository, parseTag(`t${randomInt(10)}`)).catch(() => undefined);
      }
    } catch (error) {
      const isLate = error instanceof StoreError && error.code === "MANIFEST_BLOB_UNKNOWN";
      if (isLate && performance.now() - startedAt > leaseMs / 2) counts.late++;
      else counts.failures.push(String(error));
    }
  }
}

/**
 * A run looks at all that is due before it removes the first byte, which on a busy machine is many minutes for what half an hour
 * of pushes left: so the files are counted between runs, and how long one takes decides nothing.
 */
async function expectEmpty(store: Store, place: TestPlace, withinMs: number): Promise<void> {
  const collected = async (): Promise<number> => {
    await store.collection.run();
    return (await place.blobPaths()).length;
  };
  await expect.poll(collected, { timeout: withinMs, interval: 100 }).toBe(0);
}

/** What pushes feel of a collection that never pauses: nothing. */
export function describeLoad(kind: DatabaseKind, startPlace: () => Promise<TestPlace>, seconds: number): void {
  const name = `fails no push of ${clients} clients in ${seconds} s, loses no blob, and gives the space of the deleted back`;
  const removalMs = (seconds + 1800) * 1000;
  it(`on ${kind}: ${name}`, { timeout: 3 * seconds * 1000 + removalMs }, async () => {
    await using place = await startPlace();
    await using ended = new AsyncDisposableStack();
    const database = await testDatabaseUrl(kind);
    ended.defer(() => database.drop());
    const limits = { leaseMs, graceMs: 20, looseBlobMs: 300, collectEveryMs: 0 };
    const store = await openStore({ ...place.options, database: database.url, limits });
    ended.defer(() => store.close());
    const counts: Counts = { pushes: 0, late: 0, mounts: 0, deletes: 0, freed: 0, runs: 0, failures: [] };
    const lately: Buffer[] = [];
    const until = Date.now() + seconds * 1000;
    // Longer on a machine that does little in that time.
    const goesOn = (): boolean => Date.now() < until || (counts.pushes <= fewestPushes && counts.failures.length === 0);
    const collect = async (): Promise<void> => {
      while (goesOn()) {
        counts.freed += (await store.collection.run()).bytesFreed;
        counts.runs++;
        await nextTurn();
      }
    };
    await Promise.all([
      collect(),
      ...Array.from({ length: clients }, (_, number) => client(store, number, goesOn, lately, counts)),
    ]);
    const tell = (what: string, figures: object): void => {
      process.stdout.write(`${kind}, ${place.kind}, ${what}: ${JSON.stringify(figures)}\n`);
    };
    tell("load", { ...counts, failures: counts.failures.length });
    expect(counts.failures).toEqual([]);
    expect(counts.mounts).toBeGreaterThan(counts.pushes / 100);
    expect(counts.freed).toBeGreaterThan(0);
    const auditBegins = performance.now();
    const { findings, ...audited } = await store.collection.audit();
    tell("audit", { ...audited, findings: findings.length, seconds: secondsSince(auditBegins) });
    expect(findings).toEqual([]);

    const removalBegins = performance.now();
    for (const repository of repositories) {
      for (const tag of (await store.tags.list(repository, { limit: 100 })).tags) {
        const { digest } = await store.manifests
          .get(repository, { tag: parseTag(tag) })
          .catch(() => ({ digest: undefined }));
        if (digest !== undefined) await store.manifests.remove(repository, digest);
      }
    }
    // Untagged ones are kept by the standard class: this one lets them go.
    await store.retention.defineClass({
      name: "standard",
      lifetimeMs: null,
      longestMs: null,
      untaggedMs: 0,
      locked: false,
    });
    await expectEmpty(store, place, removalMs);
    tell("space back", { seconds: secondsSince(removalBegins) });
  });
}
