/**
 * What pushes feel of a collection that never pauses: two of our stores in turns, both with the same limits, one of which
 * collects all the time while clients push, retag and delete. BENCH_ROUNDS (5), BENCH_PUSHES (400) a round.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startStoreServer } from "@waybill/artifact-store/testing";
import { makeImage, registryClient, type RegistryClient } from "./client.ts";
import { eachOf, median, percentile, printRow } from "./compare.ts";

const rounds = Number(process.env["BENCH_ROUNDS"] ?? 5);
const pushes = Number(process.env["BENCH_PUSHES"] ?? 400);
const concurrency = 8;

/** Short times, so that what a push leaves behind is collected while the next ones come. */
const limits = { leaseMs: 500, graceMs: 200, looseBlobMs: 500, orphanGraceMs: 60_000 };

/** Milliseconds of each push of an image; the image before it under the same tag loses its tag, and then goes. */
async function push(client: RegistryClient, round: number): Promise<number[]> {
  const times: number[] = [];
  await eachOf(Array.from({ length: pushes }).keys(), concurrency, async (index) => {
    const repository = `bench/collected-${index % concurrency}`;
    const image = makeImage(3, 20_000);
    const startedAt = performance.now();
    await client.pushImage(repository, image);
    times.push(performance.now() - startedAt);
    // Every other one is deleted: all of its blobs become garbage.
    if (index % 2 === round % 2) await client.deleteManifest(repository, image.digest).catch(() => undefined);
  });
  return times;
}

const folder = await mkdtemp(join(tmpdir(), "waybill-bench-collection-"));
try {
  await using idle = await startStoreServer(join(folder, "idle"), { ...limits, collectEveryMs: 0 });
  await using collecting = await startStoreServer(join(folder, "collecting"), { ...limits, collectEveryMs: 1 });
  const peers = [idle, collecting].map(({ url }) => ({ client: registryClient(url), times: [] as number[][] }));
  for (let round = 0; round < rounds; round++) {
    for (const { client, times } of round % 2 === 0 ? peers : [...peers].reverse()) {
      times.push(await push(client, round));
    }
  }
  const [without = [], during = []] = peers.map(({ times }) => times);
  printRow(["push of a small image, 8 at once", "no collection", "collecting all the time", "ratio (min–max)"]);
  printRow(["---", "---:", "---:", "---:"]);
  for (const [name, of] of [
    ["median", (times: readonly number[]) => median(times)],
    ["99th percentile", (times: readonly number[]) => percentile(times, 0.99)],
  ] as const) {
    const ratios = during.map((times, round) => of(times) / of(without[round] ?? []));
    printRow([
      name,
      `${median(without.map(of)).toFixed(1)} ms`,
      `${median(during.map(of)).toFixed(1)} ms`,
      `${median(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)})`,
    ]);
  }
  for (const { client } of peers) client.close();
} finally {
  await rm(folder, { recursive: true, force: true });
}
