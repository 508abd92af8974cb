/**
 * What happens when there is much of it: tags of one repository, repositories, blobs at the start. Ours beside the
 * others where the issue of size is the same for all; ours alone at sizes that take the others long to fill.
 * BENCH_TAGS (2000), BENCH_MANY_TAGS (100000), BENCH_BLOBS (20000,100000), BENCH_ROUNDS (5).
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf, openStore, parseRepositoryName, parseTag, type Store } from "@waybill/artifact-store";
import { makeImage, registryClient, taggedVariant, type Image, type RegistryClient } from "./client.ts";
import { compare, eachOf, median, printRow, type Work } from "./compare.ts";
import { startPeers, startWaybillStore } from "./peers.ts";

const rounds = Number(process.env["BENCH_ROUNDS"] ?? 5);
const tags = Number(process.env["BENCH_TAGS"] ?? 2000);
const manyTags = Number(process.env["BENCH_MANY_TAGS"] ?? 100_000);
const blobCounts = (process.env["BENCH_BLOBS"] ?? "20000,100000").split(",").map(Number);
const concurrency = 8;

function tagName(index: number): string {
  return `build-${String(index).padStart(6, "0")}`;
}

/** Milliseconds of the middle one of `count` calls, one after the other. */
async function latency(count: number, call: (index: number) => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let index = 0; index < count; index++) {
    const startedAt = performance.now();
    await call(index);
    times.push(performance.now() - startedAt);
  }
  return median(times);
}

async function heads(client: RegistryClient, repository: string, tagged: number): Promise<number> {
  const count = 3000;
  await eachOf(Array.from({ length: count }).keys(), concurrency, (index) =>
    client.headManifest(repository, tagName((index * 7919) % tagged)),
  );
  return count;
}

const works: readonly Work[] = [
  {
    name: "HEAD, repository of 1 tag",
    unit: "requests/s",
    warmUp: true,
    run: (client) => heads(client, "scale/one", 1),
  },
  {
    name: `HEAD, repository of ${tags} tags`,
    unit: "requests/s",
    warmUp: true,
    run: (client) => heads(client, "scale/many", tags),
  },
  {
    name: `tags/list of ${tags}`,
    unit: "ms",
    fewerIsBetter: true,
    run: (client) => latency(30, () => client.tags("scale/many")),
  },
  {
    name: `tags/list of ${tags}, a page of 100`,
    unit: "ms",
    fewerIsBetter: true,
    run: (client) => latency(50, (index) => client.tags("scale/many", 100, tagName((index * 37) % tags))),
  },
];

async function fill(client: RegistryClient, image: Image): Promise<void> {
  for (const [repository, count] of [
    ["scale/one", 1],
    ["scale/many", tags],
  ] as const) {
    await client.pushImage(repository, image);
    await eachOf(Array.from({ length: count }).keys(), concurrency, (index) =>
      client.tagManifest(repository, tagName(index), taggedVariant(image, index)),
    );
  }
}

async function besideOthers(): Promise<void> {
  const started = await startPeers();
  try {
    const image = makeImage(5, 20_000);
    for (const peer of started.peers) {
      const client = registryClient(peer.url);
      await fill(client, image);
      client.close();
    }
    await compare(started.peers, works, rounds);
  } finally {
    await started.stop();
  }
}

async function inStore<T>(root: string, work: (store: Store) => Promise<T>): Promise<T> {
  const store = await openStore({ root, limits: { collectEveryMs: 0 } });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

/** Ours alone, filled through the library. */
async function oursAlone(): Promise<void> {
  printRow(["ours alone", "median"]);
  printRow(["---", "---:"]);
  const root = await mkdtemp(join(tmpdir(), "waybill-bench-scale-"));
  try {
    await inStore(root, async (store) => {
      const image = makeImage(1, 1000);
      for (const index of [0, ...Array.from({ length: 1000 }).keys()]) {
        const repository = parseRepositoryName(index === 0 ? "scale/huge" : `scale/one-of-many-${index}`);
        for (const blob of image.blobs) {
          await store.blobs.put(repository, { chunks: chunksOf(blob.parts()) });
        }
        await store.manifests.put(repository, image.manifest, { tags: [parseTag("latest")] });
      }
      const huge = parseRepositoryName("scale/huge");
      await eachOf(Array.from({ length: manyTags }).keys(), 64, async (index) => {
        await store.manifests.put(huge, taggedVariant(image, index).manifest, { tags: [parseTag(tagName(index))] });
      });
    });
    const server = await startWaybillStore({ root, parameters: ["--gc-interval", "0s"] });
    const client = registryClient(server.url);
    const page = async (): Promise<number> =>
      await latency(100, (index) => client.tags("scale/huge", 100, tagName((index * 997) % manyTags)));
    printRow([`tags/list of ${manyTags}, a page of 100`, `${(await page()).toFixed(2)} ms`]);
    const startedAt = performance.now();
    const done = await heads(client, "scale/huge", manyTags);
    const rate = done / ((performance.now() - startedAt) / 1000);
    printRow([`HEAD, repository of ${manyTags} tags beside 1,000 repositories`, `${rate.toFixed(0)} requests/s`]);
    client.close();
    await server.stop();
  } finally {
    await rm(root, { recursive: true, force: true });
  }
  await starts();
}

async function starts(): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), "waybill-bench-start-"));
  let stored = 0;
  try {
    for (const count of [0, ...blobCounts]) {
      await inStore(root, async (store) => {
        const repository = parseRepositoryName("scale/blobs");
        await eachOf(Array.from({ length: count - stored }).keys(), 64, async (index) => {
          const bytes = Buffer.from(`blob ${stored + index}`);
          await store.blobs.put(repository, { chunks: chunksOf([bytes]) }, digestOf(bytes));
        });
      });
      stored = Math.max(stored, count);
      const times: number[] = [];
      for (let round = 0; round < rounds; round++) {
        const startedAt = performance.now();
        const server = await startWaybillStore({ root });
        times.push(performance.now() - startedAt);
        await server.stop();
      }
      printRow([`start with ${count} blobs, until /v2/ answers`, `${median(times).toFixed(0)} ms`]);
    }
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

async function* chunksOf(parts: Iterable<Buffer>): AsyncGenerator<Buffer> {
  for (const part of parts) yield await Promise.resolve(part);
}

await besideOthers();
console.log();
await oursAlone();
