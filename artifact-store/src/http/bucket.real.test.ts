import { randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { temporaryFolder } from "@waybill/foundation/testing";
import { describe, expect, it } from "vitest";
import { digestOf } from "../digest/index.ts";
import {
  blobOfSize,
  busyGateway,
  cephBucket,
  killSpareGateway,
  lacksCeph,
  registryClient,
  startSpareGateway,
  startStoreServer,
  type PushableBlob,
  type RegistryClient,
} from "../testing/index.ts";

const repository = "acme/bucket";
const MiB = 1024 * 1024;
/** On a slow machine a gateway takes longer to start than a registry hopes by default. */
const patient = { giveUpAfterMs: 240_000, firstWaitMs: 50, longestWaitMs: 1000 };

async function isWhole(client: RegistryClient, blob: PushableBlob): Promise<boolean | undefined> {
  const { status, body } = await client.send("GET", `/v2/${repository}/blobs/${blob.digest}`);
  if (status === 404) return undefined;
  return status === 200 && body.byteLength === blob.size && digestOf(body) === blob.digest;
}

describe.skipIf(lacksCeph())("a registry whose bytes are on Ceph RGW", () => {
  it("goes on when the gateway is killed in the middle of pushes and pulls, and comes back", async () => {
    await using folder = await temporaryFolder("waybill-bucket-killed-");
    const ceph = await cephBucket("spare");
    const options = { blobs: ceph.url(), credentials: ceph, retry: patient };
    await using server = await startStoreServer(folder.path, {}, options);
    const client = registryClient(server.url);
    const large = blobOfSize(40 * MiB);
    const before = blobOfSize(20 * MiB);
    expect((await client.pushAtOnce(repository, before)).status).toBe(201);
    const work = Promise.all([
      client.pushStreamed(repository, large),
      ...Array.from({ length: 6 }, () => client.pushAtOnce(repository, blobOfSize(randomInt(1000, 2 * MiB)))),
    ]);
    const read = Promise.all([isWhole(client, before), isWhole(client, before)]);
    try {
      await sleep(150);
      await killSpareGateway();
      await sleep(1000);
    } finally {
      await startSpareGateway();
    }
    for (const one of await work) if (one.status !== 201) process.stdout.write(`${one.body.toString()}\n`);
    expect((await work).map(({ status }) => status)).toEqual(Array.from({ length: 7 }, () => 201));
    expect(await read).toEqual([true, true]);
    expect(await isWhole(client, large)).toBe(true);
    client.close();
  });

  it("loses no push and no pull to a gateway that answers 503 to every third request", async () => {
    await using folder = await temporaryFolder("waybill-bucket-busy-");
    const ceph = await cephBucket();
    await using busy = await busyGateway(ceph.endpoint, 3);
    const options = { blobs: ceph.url("store", busy.url), credentials: ceph, retry: patient };
    await using server = await startStoreServer(folder.path, {}, options);
    const client = registryClient(server.url);
    const blobs = [1, 50_000, 200_000, 9 * MiB, 17 * MiB, 20_000, 20_001, 20_002].map((size) => blobOfSize(size));
    const ways = [client.pushStreamed, client.pushWhole, client.pushAtOnce];
    const pushed = blobs.map(async (blob, index) => await (ways[index % 3] ?? client.pushWhole)(repository, blob));
    const answers = await Promise.all(pushed);
    for (const one of answers) if (one.status !== 201) process.stdout.write(`${one.body.toString()}\n`);
    expect(answers.map(({ status }) => status)).toEqual(blobs.map(() => 201));
    expect(await Promise.all(blobs.map((blob) => isWhole(client, blob)))).toEqual(blobs.map(() => true));
    expect(busy.refused).toBeGreaterThan(10);
    client.close();
  });

  it("says 503 with a reason while the gateway is away for long, and loses nothing that it had acknowledged", async () => {
    await using folder = await temporaryFolder("waybill-bucket-away-");
    const ceph = await cephBucket("spare");
    await using busy = await busyGateway(ceph.endpoint, 1_000_000);
    const options = {
      blobs: ceph.url("store", busy.url),
      credentials: ceph,
      retry: { giveUpAfterMs: 500, firstWaitMs: 10, longestWaitMs: 100 },
    };
    await using server = await startStoreServer(folder.path, {}, options);
    const client = registryClient(server.url);
    const kept = blobOfSize(100_000);
    expect((await client.pushAtOnce(repository, kept)).status).toBe(201);
    try {
      await killSpareGateway();
      const refused = await client.pushAtOnce(repository, blobOfSize(1000));
      expect(refused.status).toBe(503);
      expect(refused.headers["retry-after"]).toBeDefined();
      expect(refused.body.toString()).toContain("does not answer");
    } finally {
      await startSpareGateway();
    }
    expect(await isWhole(client, kept)).toBe(true);
    client.close();
  });
});
