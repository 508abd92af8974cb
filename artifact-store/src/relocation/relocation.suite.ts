import { randomInt } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { temporaryFolder } from "@waybill/foundation/testing";
import { expect, it } from "vitest";
import { digestOf } from "../digest/index.ts";
import { openStore } from "../store/index.ts";
import {
  blobOfSize,
  cephBucket,
  registryClient,
  startStoreServer,
  type CephBucket,
  type PushableBlob,
  type RegistryClient,
} from "../testing/index.ts";

const repository = "acme/moved";
const MiB = 1024 * 1024;

/** An upload that is begun before the first move, grows after each one, and is finished in the end. */
interface Session {
  readonly location: string;
  readonly blob: PushableBlob;
  readonly offset: number;
}

async function pushUntil(signal: AbortSignal, client: RegistryClient, acknowledged: PushableBlob[]): Promise<void> {
  while (!signal.aborted) {
    const blob = blobOfSize(randomInt(1, 100_000));
    const answer = await client.pushStreamed(repository, blob).catch(() => undefined);
    if (answer === undefined) continue;
    expect(`${answer.status} ${answer.body.toString()}`).toBe("201 ");
    acknowledged.push(blob);
  }
}

async function isWhole(client: RegistryClient, blob: PushableBlob): Promise<boolean> {
  const { status, body } = await client.send("GET", `/v2/${repository}/blobs/${blob.digest}`);
  return status === 200 && digestOf(body) === blob.digest;
}

async function append(client: RegistryClient, session: Session, bytes: number): Promise<Session> {
  const { location, blob, offset } = session;
  const next = offset + bytes;
  const part = Buffer.concat([...blob.bytes()]).subarray(offset, next);
  expect((await client.send("PATCH", location, { "content-length": part.length }, [part])).status).toBe(202);
  return { location, blob, offset: next };
}

async function fill(root: string, all: PushableBlob[]): Promise<Session> {
  await using server = await startStoreServer(root);
  const client = registryClient(server.url);
  for (const size of [3, 50_000, 9 * MiB, 12 * MiB, ...Array.from({ length: 60 }, () => randomInt(1, 100_000))]) {
    const blob = blobOfSize(size);
    expect((await client.pushAtOnce(repository, blob)).status).toBe(201);
    all.push(blob);
  }
  const session = { location: await client.start(repository), blob: blobOfSize(11 * MiB), offset: 0 };
  const begun = await append(client, session, 6 * MiB);
  client.close();
  return begun;
}

interface Move {
  readonly root: string;
  readonly from: string;
  readonly to: string;
  readonly ceph: CephBucket;
}

/** Starts the move again until it is done, at most `kills` times with a kill in between; how many there were. */
async function moveWithKills({ root, from, to, ceph }: Move, kills: number, all: PushableBlob[]): Promise<number> {
  for (let killed = 0; ; killed++) {
    await using server = await startStoreServer(root, {}, { blobs: to, blobsFrom: from, credentials: ceph });
    const moved = once(server.lines, "line").then(([line]) => expect(line).toBe("moved"));
    moved.catch(() => undefined);
    const client = registryClient(server.url);
    const stop = new AbortController();
    const pushing = pushUntil(stop.signal, client, all);
    const isMoved = await Promise.race([
      moved.then(() => true),
      ...(killed < kills ? [sleep(randomInt(5, 300)).then(() => false)] : []),
    ]);
    stop.abort();
    if (!isMoved) {
      const killing = server.kill();
      client.stop();
      await killing;
    }
    await pushing;
    client.close();
    if (isMoved) return killed;
  }
}

/** A store that serves while it moves to a bucket and back, again and again, until it was killed so many times. */
export function describeMoveKills(kills: number): void {
  it(
    `to S3 and back, killed with -9 ${kills} times, with pushes all the while: nothing acknowledged is lost`,
    { timeout: (600 + kills * 30) * 1000 },
    async () => {
      await using folder = await temporaryFolder("waybill-relocation-");
      const ceph = await cephBucket();
      const root = join(folder.path, "root");
      const all: PushableBlob[] = [];
      let session = await fill(root, all);
      let killed = 0;
      let moves = 0;
      for (; killed < kills || moves % 2 === 1; moves++) {
        // A bucket's prefix is new each time; the folder has what it had when it was left.
        const [from, to] =
          moves % 2 === 0 ? [`file://${root}`, ceph.url(`m${moves}`)] : [ceph.url(`m${moves - 1}`), `file://${root}`];
        killed += await moveWithKills({ root, from, to, ceph }, Math.ceil((kills - killed) / 2), all);
        // The old place is not needed any more, and refused from now on.
        await expect(openStore({ root, blobs: from, credentials: ceph })).rejects.toThrow(/were moved to/);
        await using server = await startStoreServer(root, {}, { blobs: to, credentials: ceph });
        const client = registryClient(server.url);
        for (const blob of all) expect(await isWhole(client, blob)).toBe(true);
        const status = await client.send("GET", session.location);
        expect(status.headers.range).toBe(`0-${session.offset - 1}`);
        session = await append(client, session, 30_000);
        client.close();
      }
      await using server = await startStoreServer(root);
      const client = registryClient(server.url);
      const { location, blob, offset } = session;
      const rest = Buffer.concat([...blob.bytes()]).subarray(offset);
      const headers = { "content-length": rest.length };
      expect((await client.send("PUT", `${location}?digest=${blob.digest}`, headers, [rest])).status).toBe(201);
      expect(await isWhole(client, blob)).toBe(true);
      client.close();
      expect(killed).toBeGreaterThanOrEqual(kills);
      process.stdout.write(
        `${all.length} blobs were moved ${moves} times between folder and S3, with ${killed} kills\n`,
      );
    },
  );
}
