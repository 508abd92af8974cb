/**
 * Our store beside Debian's docker-registry, in one run and in turns (A B A B …), so that a machine whose speed drifts
 * drifts for both. Prints medians and the ratio; nothing here passes or fails.
 */
import { randomBytes } from "node:crypto";
import { makeBlob, makeImage, registryClient, type RegistryClient } from "./registry-client.ts";
import { startDockerRegistry, startWaybillStore, type Peer } from "./peers.ts";
import { processFigures } from "./process-figures.ts";

const mebibyte = 1024 * 1024;
const rounds = Number(process.env["BENCH_ROUNDS"] ?? 5);
const blobBytes = 256 * mebibyte;
const images = 40;
const concurrency = 8;

interface Work {
  readonly name: string;
  readonly unit: string;
  /** Runs once against a peer and answers how much of `unit` it did. */
  run(client: RegistryClient, round: number): Promise<number>;
}

async function eachOf<T>(items: readonly T[], atOnce: number, act: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (const item of queue) await act(item);
    }),
  );
}

/** The same blob with another beginning each round, so that nobody can answer from what it has. */
const large = randomBytes(blobBytes);
const largeBlobs = Array.from({ length: rounds * 2 }, (_, index) => {
  large.writeUInt32LE(index, 0);
  return { index, digest: makeBlob(large).digest };
});
function largeBlob(index: number): { bytes: Buffer; digest: string } {
  large.writeUInt32LE(index, 0);
  return { bytes: large, digest: largeBlobs[index]?.digest ?? "" };
}

const works: readonly Work[] = [
  {
    name: "push of 256 MiB, one PUT",
    unit: "MB/s",
    run: (client, round) => client.pushBlobByPut("bench/put", largeBlob(round)).then(() => blobBytes / 1e6),
  },
  {
    name: "push of 256 MiB, streamed PATCH",
    unit: "MB/s",
    run: (client, round) =>
      client.pushBlobByPatch("bench/patch", largeBlob(rounds + round)).then(() => blobBytes / 1e6),
  },
  {
    name: "pull of 256 MiB",
    unit: "MB/s",
    run: (client, round) => client.pullBlob("bench/put", largeBlob(round).digest).then((bytes) => bytes / 1e6),
  },
  {
    name: "push of 40 small images, 8 at once",
    unit: "images/s",
    run: async (client, round) => {
      const made = Array.from({ length: images }, (_, index) => ({
        repository: `bench/image-${round}-${index}`,
        image: smallImages[round]?.[index],
      }));
      await eachOf(made, concurrency, ({ repository, image }) =>
        image === undefined ? Promise.resolve() : client.pushImage(repository, image),
      );
      return images;
    },
  },
  {
    name: "pull of 40 small images, 8 at once",
    unit: "images/s",
    run: async (client, round) => {
      const names = Array.from({ length: images }, (_, index) => `bench/image-${round}-${index}`);
      await eachOf(names, concurrency, (name) => client.pullImage(name));
      return images;
    },
  },
  {
    name: "HEAD of a manifest, 8 at once",
    unit: "requests/s",
    run: async (client, round) => {
      await eachOf(Array.from({ length: 4000 }), concurrency, () => client.headManifest(`bench/image-${round}-0`));
      return 4000;
    },
  },
];
const smallImages = Array.from({ length: rounds }, () => Array.from({ length: images }, () => makeImage(5, 20_000)));

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

async function measure(peers: readonly Peer[]): Promise<void> {
  const clients = new Map(peers.map((peer) => [peer, registryClient(peer.url)]));
  const print = (cells: readonly string[]): void => console.log(`| ${cells.join(" | ")} |`);
  print(["work", ...peers.flatMap((peer) => [peer.name, "CPU s"]), "ratio (min–max)"]);
  print(["---", ...peers.flatMap(() => ["---:", "---:"]), "---:"]);
  for (const work of works) {
    const rates = new Map<Peer, number[]>(peers.map((peer) => [peer, []]));
    const cpu = new Map<Peer, number[]>(peers.map((peer) => [peer, []]));
    for (let round = 0; round < rounds; round++) {
      for (const peer of round % 2 === 0 ? peers : [...peers].reverse()) {
        const client = clients.get(peer);
        if (client === undefined) continue;
        const before = await processFigures(peer.pid);
        const startedAt = performance.now();
        const done = await work.run(client, round);
        rates.get(peer)?.push(done / ((performance.now() - startedAt) / 1000));
        cpu.get(peer)?.push((await processFigures(peer.pid)).cpuSeconds - before.cpuSeconds);
      }
    }
    const [ours = [], theirs = []] = peers.map((peer) => rates.get(peer) ?? []);
    const ratios = ours.map((rate, index) => rate / (theirs[index] ?? Number.NaN));
    const figures = peers.flatMap((peer) => [
      `${median(rates.get(peer) ?? []).toFixed(0)} ${work.unit}`,
      median(cpu.get(peer) ?? []).toFixed(2),
    ]);
    print([
      work.name,
      ...figures,
      `${median(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)})`,
    ]);
  }
  const figures = await Promise.all(peers.map((peer) => processFigures(peer.pid)));
  const [ours, theirs] = figures;
  print([
    "peak RSS over all of it",
    ...figures.flatMap(({ peakMiB, cpuSeconds }) => [`${peakMiB.toFixed(0)} MiB`, cpuSeconds.toFixed(1)]),
    ((ours?.peakMiB ?? 0) / (theirs?.peakMiB ?? 1)).toFixed(2),
  ]);
  for (const client of clients.values()) client.close();
}

const ours = await startWaybillStore();
try {
  const theirs = await startDockerRegistry();
  try {
    await measure([ours, theirs]);
  } finally {
    await theirs.stop();
  }
} finally {
  await ours.stop();
}
