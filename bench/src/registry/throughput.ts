/**
 * Bytes and images, in and out: our store beside the registries that people run today, in one run and in turns. Prints
 * medians and ratios; nothing here passes or fails. BENCH_ROUNDS (5) says how often, BENCH_LARGE_ROUNDS (1) how often the
 * blob of 2 GiB.
 */
import { randomBytes } from "node:crypto";
import { largeBlob, makeImage } from "./client.ts";
import { compare, eachOf, type Work } from "./compare.ts";
import { startPeers } from "./peers.ts";

const mebibyte = 1024 * 1024;
const rounds = Number(process.env["BENCH_ROUNDS"] ?? 5);
const largeRounds = Number(process.env["BENCH_LARGE_ROUNDS"] ?? 1);
const images = 40;
const concurrency = 8;

/** Each has another beginning, so that nobody can answer from what it has. */
const random = randomBytes(256 * mebibyte);
const puts = Array.from({ length: rounds }, (_, index) => largeBlob(random, 1, index));
const patches = Array.from({ length: rounds }, (_, index) => largeBlob(random, 1, rounds + index));
const giants = Array.from({ length: largeRounds }, (_, index) => largeBlob(random, 8, 2 * rounds + index));
/** And one set for the warming up. */
const smallImages = Array.from({ length: rounds + 1 }, () =>
  Array.from({ length: images }, () => makeImage(5, 20_000)),
);

function at<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new RangeError(`there is no round ${index}`);
  return item;
}

const works: readonly Work[] = [
  {
    name: "push of 256 MiB, one PUT",
    unit: "MB/s",
    freshMiB: 256,
    run: (client, round) => client.pushBlobByPut("bench/put", at(puts, round)).then(() => at(puts, round).size / 1e6),
  },
  {
    name: "push of 256 MiB, streamed PATCH",
    unit: "MB/s",
    freshMiB: 256,
    run: (client, round) =>
      client.pushBlobByPatch("bench/patch", at(patches, round)).then(() => at(patches, round).size / 1e6),
  },
  {
    name: "pull of 256 MiB",
    unit: "MB/s",
    run: (client, round) => client.pullBlob("bench/put", at(puts, round).digest).then((bytes) => bytes / 1e6),
  },
  {
    name: "push of 40 small images, 8 at once",
    unit: "images/s",
    warmUp: true,
    run: async (client, round) => {
      await eachOf(at(smallImages, round).entries(), concurrency, ([index, image]) =>
        client.pushImage(`bench/image-${round}-${index}`, image),
      );
      return images;
    },
  },
  {
    name: "pull of 40 small images, each by 10 clients, 8 at once",
    unit: "images/s",
    warmUp: true,
    run: async (client, round) => {
      const pulls = Array.from({ length: 10 * images }, (_, index) => `bench/image-${round}-${index % images}`);
      await eachOf(pulls, concurrency, (name) => client.pullImage(name));
      return pulls.length;
    },
  },
  {
    name: "HEAD of a manifest, 8 at once",
    unit: "requests/s",
    warmUp: true,
    run: async (client, round) => {
      await eachOf(Array.from({ length: 4000 }), concurrency, () => client.headManifest(`bench/image-${round}-0`));
      return 4000;
    },
  },
];

const giantWorks: readonly Work[] = [
  {
    name: "push of 2 GiB, one PUT",
    unit: "MB/s",
    freshMiB: 2048,
    run: (client, round) =>
      client.pushBlobByPut("bench/giant", at(giants, round)).then(() => at(giants, round).size / 1e6),
  },
  {
    name: "pull of 2 GiB",
    unit: "MB/s",
    run: (client, round) => client.pullBlob("bench/giant", at(giants, round).digest).then((bytes) => bytes / 1e6),
  },
];

const started = await startPeers();
try {
  await compare(started.peers, works, rounds);
  console.log();
  if (largeRounds > 0) await compare(started.peers, giantWorks, largeRounds);
} finally {
  await started.stop();
}
