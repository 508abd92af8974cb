/**
 * The same with the bytes in S3: our store and distribution 3 on one Ceph RGW of this machine, whose objects lie in memory,
 * in turns. The gateway shares the cores with both. BENCH_ROUNDS (3).
 */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { CephCluster } from "@waybill/artifact-store/testing";
import { largeBlob, makeImage } from "./client.ts";
import { compare, eachOf, type Work } from "./compare.ts";
import { startDistribution3, startWaybillStore } from "./peers.ts";

const rounds = Number(process.env["BENCH_ROUNDS"] ?? 3);
const images = 40;
const concurrency = 8;
const random = randomBytes(128 * 1024 * 1024);
const blobs = Array.from({ length: rounds }, (_, index) => largeBlob(random, 1, index));
const smallImages = Array.from({ length: rounds }, () => Array.from({ length: images }, () => makeImage(5, 20_000)));

const works: readonly Work[] = [
  {
    name: "push of 128 MiB, one PUT",
    unit: "MB/s",
    run: async (client, round) => {
      const blob = blobs[round];
      if (blob === undefined) return 0;
      await client.pushBlobByPut("bench/put", blob);
      return blob.size / 1e6;
    },
  },
  {
    name: "pull of 128 MiB",
    unit: "MB/s",
    run: async (client, round) => (await client.pullBlob("bench/put", blobs[round]?.digest ?? "")) / 1e6,
  },
  {
    name: "push of 40 small images, 8 at once",
    unit: "images/s",
    run: async (client, round) => {
      await eachOf((smallImages[round] ?? []).entries(), concurrency, ([index, image]) =>
        client.pushImage(`bench/image-${round}-${index}`, image),
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
];

const folder = await mkdtemp(join(tmpdir(), "waybill-bench-ceph-"));
const ceph = await CephCluster.start(folder);
try {
  const { endpoint, accessKeyId, secretAccessKey } = ceph.gateway;
  const client = new S3Client({ endpoint, region: "us-east-1", forcePathStyle: true, credentials: ceph.gateway });
  for (const Bucket of ["ours", "theirs"]) await client.send(new CreateBucketCommand({ Bucket }));
  client.destroy();
  const start = (prefix: string) =>
    startWaybillStore({
      parameters: ["--blobs", `s3://ours/${prefix}?endpoint=${endpoint}&region=us-east-1`],
      environment: { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey },
    });
  // Twice: the first start fills the cache of compiled code, as any use of the program before would have.
  await (await start("first")).stop();
  const ours = await start("store");
  try {
    const theirs = await startDistribution3({
      s3: {
        accesskey: accessKeyId,
        secretkey: secretAccessKey,
        region: "us-east-1",
        regionendpoint: endpoint,
        bucket: "theirs",
        forcepathstyle: true,
        secure: false,
      },
    });
    try {
      await compare([ours, theirs], works, rounds);
    } finally {
      await theirs.stop();
    }
  } finally {
    await ours.stop();
  }
} finally {
  await ceph.stop();
  await rm(folder, { recursive: true, force: true });
}
