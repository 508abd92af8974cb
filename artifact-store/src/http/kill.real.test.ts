import { randomInt } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { temporaryFolder } from "@waybill/foundation/testing";
import { describe, expect, it } from "vitest";
import { digestOf } from "../digest/index.ts";
import { openStore } from "../store/index.ts";
import {
  blobOfSize,
  registryClient,
  startStoreServer,
  type PushableBlob,
  type RegistryClient,
} from "../testing/index.ts";

const rounds = 50;
const repository = "acme/killed";
const day = 24 * 60 * 60 * 1000;

/** What a client knows at the moment at which the server dies. */
interface Knowledge {
  /** Answered 201. */
  readonly acknowledged: PushableBlob[];
  /** Begun, and never answered. */
  readonly open: Set<PushableBlob>;
}

async function pushUntilItDies(client: RegistryClient, known: Knowledge, alive: () => boolean): Promise<void> {
  const ways = [client.pushStreamed, client.pushWhole, client.pushAtOnce];
  while (alive()) {
    const blob = blobOfSize(randomInt(3) === 0 ? randomInt(500_000, 3_000_000) : randomInt(1, 60_000));
    known.open.add(blob);
    const answer = await ways[randomInt(ways.length)]?.(repository, blob).catch(() => undefined);
    if (answer === undefined) continue;
    expect(answer.status).toBe(201);
    known.open.delete(blob);
    known.acknowledged.push(blob);
  }
}

/** Bytes and digest of what the server shows; undefined when it shows nothing. */
async function shown(client: RegistryClient, blob: PushableBlob): Promise<boolean | undefined> {
  const { status, body } = await client.send("GET", `/v2/${repository}/blobs/${blob.digest}`);
  if (status === 404) return undefined;
  return status === 200 && body.byteLength === blob.size && digestOf(body) === blob.digest;
}

interface Session {
  readonly location: string;
  readonly blob: PushableBlob;
}

const acknowledgedBytes = 100_000;

/** A session whose first bytes are acknowledged before the end comes. */
async function beginAndLeave(client: RegistryClient): Promise<Session> {
  const location = await client.start(repository);
  const blob = blobOfSize(300_000);
  const first = Buffer.concat([...blob.bytes()]).subarray(0, acknowledgedBytes);
  expect((await client.send("PATCH", location, { "content-length": first.length }, [first])).status).toBe(202);
  return { location, blob };
}

/** Goes on where the server says that it stands. */
async function resume(client: RegistryClient, { location, blob }: Session): Promise<void> {
  const status = await client.send("GET", location);
  expect(status.status).toBe(204);
  const offset = Number(status.headers.range?.split("-")[1]) + 1;
  expect(offset).toBe(acknowledgedBytes);
  const rest = Buffer.concat([...blob.bytes()]).subarray(offset);
  const headers = { "content-length": rest.length };
  expect((await client.send("PUT", `${location}?digest=${blob.digest}`, headers, [rest])).status).toBe(201);
  expect(await shown(client, blob)).toBe(true);
}

describe("kill -9 during pushes", () => {
  it(
    `${rounds} times at a random moment: what was acknowledged is whole, what was not is whole or absent, uploads go on, and nothing is left for ever`,
    { timeout: 600_000 },
    async () => {
      await using folder = await temporaryFolder("waybill-kill-");
      const all: PushableBlob[] = [];
      let newest: readonly PushableBlob[] = [];
      let unanswered: PushableBlob[] = [];
      let resumed = 0;
      let session: Session | undefined;
      for (let round = 0; round <= rounds; round++) {
        await using server = await startStoreServer(folder.path);
        const client = registryClient(server.url);
        // All that the last round acknowledged, and a sample of what came before; in the end, everything.
        const sample = Array.from({ length: 5 }, () => all[randomInt(Math.max(1, all.length))]).filter(
          (blob) => blob !== undefined,
        );
        const promised = round === rounds ? all : [...newest, ...sample];
        for (const blob of promised) expect(await shown(client, blob)).toBe(true);
        for (const blob of unanswered) expect(await shown(client, blob)).not.toBe(false);
        if (session !== undefined) {
          await resume(client, session);
          all.push(session.blob);
          resumed++;
        }
        if (round < rounds) {
          session = await beginAndLeave(client);
          const known: Knowledge = { acknowledged: [], open: new Set() };
          let alive = true;
          const pushing = Promise.all(Array.from({ length: 6 }, () => pushUntilItDies(client, known, () => alive)));
          await sleep(randomInt(5, 250));
          alive = false;
          await server.kill();
          await pushing;
          newest = known.acknowledged;
          all.push(...newest);
          unanswered = [...known.open];
        }
        client.close();
      }
      expect(resumed).toBe(rounds);
      expect(all.length).toBeGreaterThan(2 * rounds);
      process.stdout.write(`${all.length} acknowledged blobs were read whole after ${rounds} kills\n`);

      // Two days later nobody has come back.
      const store = await openStore({ root: folder.path, now: () => Date.now() + 2 * day });
      await store.uploads.sweep();
      await store.close();
      expect(await readdir(join(folder.path, "uploads"))).toEqual([]);
    },
  );
});
