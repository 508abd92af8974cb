import { randomInt } from "node:crypto";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { temporaryFolder } from "@waybill/foundation/testing";
import { describe, expect, it } from "vitest";
import { digestOf } from "../digest/index.ts";
import { openStore } from "../store/index.ts";
import {
  blobOfSize,
  bucketPlace,
  busyGateway,
  cephBucket,
  killCephGateway,
  lacksCeph,
  registryClient,
  startCephGateway,
  startStoreServer,
  type PushableBlob,
  type RegistryClient,
} from "../testing/index.ts";

const rounds = 8;
const repository = "acme/bucket";
const MiB = 1024 * 1024;
const lease = { beatMs: 100, silenceMs: 1000 };

async function isWhole(client: RegistryClient, blob: PushableBlob): Promise<boolean | undefined> {
  const { status, body } = await client.send("GET", `/v2/${repository}/blobs/${blob.digest}`);
  if (status === 404) return undefined;
  return status === 200 && body.byteLength === blob.size && digestOf(body) === blob.digest;
}

describe.skipIf(lacksCeph())("a registry whose bytes are on Ceph RGW", () => {
  it(`killed with -9 ${rounds} times during pushes, and gone on with by a process of another folder: nothing acknowledged is lost`, async () => {
    await using folder = await temporaryFolder("waybill-bucket-kill-");
    const ceph = await cephBucket();
    const options = {
      blobs: ceph.url(),
      credentials: ceph,
      database: join(folder.path, "catalog.sqlite"),
      lease,
    };
    const acknowledged: PushableBlob[] = [];
    let unanswered: PushableBlob[] = [];
    let session: { readonly location: string; readonly blob: PushableBlob; readonly offset: number } | undefined;
    let resumed = 0;
    for (let round = 0; round <= rounds; round++) {
      // Two folders in turn, as two machines would have: nothing but bucket and catalog goes from one to the other.
      await using server = await startStoreServer(join(folder.path, `root-${round % 2}`), {}, options);
      const client = registryClient(server.url);
      for (const blob of acknowledged) expect(await isWhole(client, blob)).toBe(true);
      for (const blob of unanswered) expect(await isWhole(client, blob)).not.toBe(false);
      if (session !== undefined) {
        const { location, blob, offset } = session;
        const status = await client.send("GET", location);
        expect([status.status, status.headers.range]).toEqual([204, `0-${offset - 1}`]);
        const rest = Buffer.concat([...blob.bytes()]).subarray(offset);
        const headers = { "content-length": rest.length };
        expect((await client.send("PUT", `${location}?digest=${blob.digest}`, headers, [rest])).status).toBe(201);
        expect(await isWhole(client, blob)).toBe(true);
        resumed++;
      }
      if (round < rounds) {
        // Parts and a rest, or a rest alone.
        const blob = blobOfSize(round % 2 === 0 ? 12 * MiB : 300_000);
        const offset = round % 2 === 0 ? 9 * MiB + 77 : 100_000;
        const location = await client.start(repository);
        const first = Buffer.concat([...blob.bytes()]).subarray(0, offset);
        expect((await client.send("PATCH", location, { "content-length": first.length }, [first])).status).toBe(202);
        session = { location, blob, offset };
        const open = new Set<PushableBlob>();
        let isAlive = true;
        const push = async (): Promise<void> => {
          const ways = [client.pushStreamed, client.pushWhole, client.pushAtOnce];
          while (isAlive) {
            const pushed = blobOfSize(randomInt(4) === 0 ? randomInt(9 * MiB, 12 * MiB) : randomInt(1, 300_000));
            open.add(pushed);
            const answer = await ways[randomInt(3)]?.(repository, pushed).catch(() => undefined);
            if (answer === undefined) continue;
            expect(answer.status).toBe(201);
            open.delete(pushed);
            acknowledged.push(pushed);
          }
        };
        const pushing = Promise.all([push(), push(), push()]);
        await sleep(randomInt(50, 700));
        isAlive = false;
        await server.kill();
        await pushing;
        unanswered = [...open];
      }
      client.close();
    }
    expect(resumed).toBe(rounds);
    process.stdout.write(`${acknowledged.length} acknowledged blobs were read whole after ${rounds} kills on RGW\n`);

    // Days later nobody has come back: neither records nor parts are left.
    const day = 24 * 60 * 60 * 1000;
    const store = await openStore({ ...options, root: join(folder.path, "root-0"), now: () => Date.now() + 2 * day });
    await store.uploads.sweep();
    await store.close();
    const { S3Client, ListMultipartUploadsCommand, ListObjectsV2Command } = await import("@aws-sdk/client-s3");
    const client = new S3Client({
      endpoint: ceph.endpoint,
      region: "us-east-1",
      forcePathStyle: true,
      credentials: ceph,
    });
    const left = await client.send(new ListMultipartUploadsCommand({ Bucket: ceph.bucket }));
    const records = await client.send(new ListObjectsV2Command({ Bucket: ceph.bucket, Prefix: "store/stages/" }));
    client.destroy();
    expect([left.Uploads ?? [], records.Contents ?? []]).toEqual([[], []]);
  });

  it("goes on when the gateway is killed in the middle of pushes and pulls, and comes back", async () => {
    await using place = await bucketPlace();
    const { root, ...options } = place.options;
    await using server = await startStoreServer(root, {}, options);
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
      await killCephGateway();
      await sleep(1000);
    } finally {
      await startCephGateway();
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
    const options = { blobs: ceph.url("store", busy.url), credentials: ceph };
    await using server = await startStoreServer(folder.path, {}, options);
    const client = registryClient(server.url);
    const blobs = [1, 50_000, 200_000, 9 * MiB, 17 * MiB, 20_000, 20_001, 20_002].map(blobOfSize);
    const ways = [client.pushStreamed, client.pushWhole, client.pushAtOnce];
    const answers = await Promise.all(blobs.map((blob, index) => ways[index % 3]?.(repository, blob)));
    for (const one of answers) if (one?.status !== 201) process.stdout.write(`${one?.body.toString()}\n`);
    expect(answers.map((answer) => answer?.status)).toEqual(blobs.map(() => 201));
    expect(await Promise.all(blobs.map((blob) => isWhole(client, blob)))).toEqual(blobs.map(() => true));
    expect(busy.refused).toBeGreaterThan(10);
    client.close();
  });

  it("says 503 with a reason while the gateway is away for long, and loses nothing that it had acknowledged", async () => {
    await using folder = await temporaryFolder("waybill-bucket-away-");
    const ceph = await cephBucket();
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
      await killCephGateway();
      const refused = await client.pushAtOnce(repository, blobOfSize(1000));
      expect(refused.status).toBe(503);
      expect(refused.headers["retry-after"]).toBeDefined();
      expect(refused.body.toString()).toContain("does not answer");
    } finally {
      await startCephGateway();
    }
    expect(await isWhole(client, kept)).toBe(true);
    client.close();
  });
});
