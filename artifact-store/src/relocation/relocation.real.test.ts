import { randomInt } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { temporaryFolder } from "@waybill/foundation/testing";
import { describe, expect, it } from "vitest";
import { digestOf } from "../digest/index.ts";
import { openStore } from "../store/index.ts";
import {
  blobOfSize,
  cephBucket,
  lacksCeph,
  registryClient,
  startStoreServer,
  type PushableBlob,
} from "../testing/index.ts";

const kills = 4;
const repository = "acme/moved";
const MiB = 1024 * 1024;

async function pushUntil(
  signal: AbortSignal,
  client: ReturnType<typeof registryClient>,
  acknowledged: PushableBlob[],
): Promise<void> {
  while (!signal.aborted) {
    const blob = blobOfSize(randomInt(1, 200_000));
    const answer = await client.pushStreamed(repository, blob).catch(() => undefined);
    if (answer === undefined) continue;
    expect(answer.status).toBe(201);
    acknowledged.push(blob);
  }
}

describe.skipIf(lacksCeph())("moving the blobs of a store that serves", () => {
  it(`to S3 and back, killed with -9 ${kills} times each way, with pushes all the while: nothing acknowledged is lost`, async () => {
    await using folder = await temporaryFolder("waybill-relocation-");
    const ceph = await cephBucket();
    const root = join(folder.path, "root");
    const places = [`file://${root}`, ceph.url()] as const;
    const all: PushableBlob[] = [];
    let session: { location: string; blob: PushableBlob; offset: number } | undefined;
    const isWhole = async (client: ReturnType<typeof registryClient>, blob: PushableBlob): Promise<boolean> => {
      const { status, body } = await client.send("GET", `/v2/${repository}/blobs/${blob.digest}`);
      return status === 200 && digestOf(body) === blob.digest;
    };
    {
      await using server = await startStoreServer(root);
      const client = registryClient(server.url);
      for (const size of [3, 50_000, 9 * MiB, 12 * MiB, ...Array.from({ length: 60 }, () => randomInt(1, 100_000))]) {
        const blob = blobOfSize(size);
        expect((await client.pushAtOnce(repository, blob)).status).toBe(201);
        all.push(blob);
      }
      const blob = blobOfSize(11 * MiB);
      const location = await client.start(repository);
      const first = Buffer.concat([...blob.bytes()]).subarray(0, 6 * MiB);
      expect((await client.send("PATCH", location, { "content-length": first.length }, [first])).status).toBe(202);
      session = { location, blob, offset: first.length };
      client.close();
    }
    for (const [from, to] of [places, places.toReversed() as [string, string]]) {
      for (let attempt = 0; attempt <= kills; attempt++) {
        await using server = await startStoreServer(root, {}, { blobs: to, blobsFrom: from, credentials: ceph });
        const moved = once(server.lines, "line");
        moved.catch(() => undefined);
        const client = registryClient(server.url);
        const stop = new AbortController();
        const pushing = pushUntil(stop.signal, client, all);
        if (attempt < kills) await sleep(randomInt(20, 400));
        const line: unknown[] = attempt < kills ? [] : await moved;
        stop.abort();
        expect(line).toEqual(attempt < kills ? [] : ["moved"]);
        if (attempt < kills) await server.kill();
        await pushing;
        client.close();
      }
      // The old place is not needed any more, and refused from now on.
      await expect(openStore({ root, blobs: from, credentials: ceph })).rejects.toThrow(/were moved to/);
      await using server = await startStoreServer(root, {}, { blobs: to, credentials: ceph });
      const client = registryClient(server.url);
      for (const blob of all) expect(await isWhole(client, blob)).toBe(true);
      const status = await client.send("GET", session.location);
      expect(status.headers.range).toBe(`0-${session.offset - 1}`);
      const next = session.offset + 2 * MiB;
      const part = Buffer.concat([...session.blob.bytes()]).subarray(session.offset, next);
      const headers = { "content-length": part.length };
      expect((await client.send("PATCH", session.location, headers, [part])).status).toBe(202);
      session = { ...session, offset: next };
      client.close();
    }
    await using server = await startStoreServer(root);
    const client = registryClient(server.url);
    const rest = Buffer.concat([...session.blob.bytes()]).subarray(session.offset);
    const url = `${session.location}?digest=${session.blob.digest}`;
    expect((await client.send("PUT", url, { "content-length": rest.length }, [rest])).status).toBe(201);
    expect(await isWhole(client, session.blob)).toBe(true);
    process.stdout.write(`${all.length} blobs were moved to S3 and back, with ${2 * kills} kills\n`);
    client.close();
  });

  it("refuses another store's bucket, a store that another process has, and a place that is not its own", async () => {
    await using folder = await temporaryFolder("waybill-relocation-");
    const ceph = await cephBucket();
    const at = (name: string): string => join(folder.path, name);
    const s3 = { blobs: ceph.url(), credentials: ceph };
    const store = await openStore({ root: at("a"), database: at("catalog.sqlite"), ...s3 });
    const lease = { beatMs: 50, silenceMs: 20_000 };
    await expect(openStore({ root: at("b"), ...s3 })).rejects.toThrow("do not belong together");
    await expect(openStore({ root: at("c"), database: at("catalog.sqlite"), ...s3, lease })).rejects.toThrow(
      "in use by another process",
    );
    await store.close();
    const again = await openStore({ root: at("c"), database: at("catalog.sqlite"), ...s3 });
    await again.close();
    const wrong = { ...ceph, secretAccessKey: "wrong" };
    await expect(openStore({ root: at("d"), blobs: ceph.url(), credentials: wrong })).rejects.toThrow("credentials");
    const elsewhere = ceph.url().replace(ceph.bucket, "no-such-bucket");
    await expect(openStore({ root: at("e"), blobs: elsewhere, credentials: ceph })).rejects.toThrow("no bucket");
    await expect(
      openStore({ root: at("f"), blobs: at("g"), blobsFrom: ceph.url(), credentials: ceph }),
    ).rejects.toThrow("is not where this store has its blobs");
  });
});
