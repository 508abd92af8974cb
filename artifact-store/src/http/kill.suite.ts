import { randomInt } from "node:crypto";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { digestOf } from "../digest/index.ts";
import { openStore, type StoreOptions } from "../store/index.ts";
import {
  blobOfSize,
  registryClient,
  startStoreServer,
  type PushableBlob,
  type RegistryClient,
  type TestPlace,
} from "../testing/index.ts";

const repository = "acme/killed";
const day = 24 * 60 * 60 * 1000;
const MiB = 1024 * 1024;

/** What a client knows at the moment at which the server dies. */
interface Knowledge {
  /** Answered 201. */
  readonly acknowledged: PushableBlob[];
  /** Begun, and never answered. */
  readonly open: Set<PushableBlob>;
}

/** Its status, and why when it is an error. */
function outcome({ status, body }: { readonly status: number; readonly body: Buffer }): string {
  return `${status} ${body.toString()}`.trim();
}

async function pushUntilItDies(
  client: RegistryClient,
  known: Knowledge,
  alive: () => boolean,
  nextSize: () => number,
): Promise<void> {
  const ways = [client.pushStreamed, client.pushWhole, client.pushAtOnce];
  while (alive()) {
    const blob = blobOfSize(nextSize());
    known.open.add(blob);
    const answer = await ways[randomInt(ways.length)]?.(repository, blob).catch(() => undefined);
    if (answer === undefined) continue;
    expect(outcome(answer)).toBe("201");
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

/** An upload of which `offset` bytes are acknowledged. */
interface Session {
  readonly location: string;
  readonly blob: PushableBlob;
  readonly offset: number;
}

/** A session whose first bytes are acknowledged before the end comes. */
async function beginAndLeave(client: RegistryClient, size: number, offset: number): Promise<Session> {
  const location = await client.start(repository);
  const blob = blobOfSize(size);
  const first = Buffer.concat([...blob.bytes()]).subarray(0, offset);
  expect(outcome(await client.send("PATCH", location, { "content-length": first.length }, [first]))).toBe("202");
  return { location, blob, offset };
}

/** Goes on where the server says that it stands, which must be where it was. */
async function resume(client: RegistryClient, { location, blob, offset }: Session): Promise<void> {
  const status = await client.send("GET", location);
  expect([status.status, status.headers.range]).toEqual([204, `0-${offset - 1}`]);
  const rest = Buffer.concat([...blob.bytes()]).subarray(offset);
  const headers = { "content-length": rest.length };
  expect(outcome(await client.send("PUT", `${location}?digest=${blob.digest}`, headers, [rest]))).toBe("201");
  expect(await shown(client, blob)).toBe(true);
}

/** In a bucket parts and a rest, or a rest alone; large ones are few, because they take their time. */
function sizesOf(kind: TestPlace["kind"], round: number) {
  if (kind === "folder") {
    return {
      next: () => (randomInt(3) === 0 ? randomInt(500_000, 3_000_000) : randomInt(1, 60_000)),
      session: { size: 300_000, offset: 100_000 },
    };
  }
  return {
    next: () => (randomInt(12) === 0 ? randomInt(9 * MiB, 10 * MiB) : randomInt(1, 100_000)),
    session: round % 5 === 0 ? { size: 10 * MiB, offset: 9 * MiB + 77 } : { size: 300_000, offset: 100_000 },
  };
}

/** Every so many rounds a process of another folder goes on, as on another machine: that one has to wait for the lease. */
const sameMachineFor = 5;

/** A registry that is killed again and again while clients push. */
export function describePushKills(startPlace: () => Promise<TestPlace>, rounds: number): void {
  it(
    `${rounds} times at a random moment: what was acknowledged is whole, what was not is whole or absent, uploads go on, and nothing is left for ever`,
    { timeout: (600 + rounds * 20) * 1000 },
    async () => {
      await using place = await startPlace();
      const { root, ...places } = place.options;
      const isBucket = place.kind === "bucket";
      const options: Omit<StoreOptions, "root"> = isBucket
        ? { ...places, database: join(root, "catalog.sqlite"), lease: { beatMs: 100, silenceMs: 1000 } }
        : places;
      const rootOf = (round: number): string =>
        isBucket ? join(root, `machine-${Math.floor(round / sameMachineFor) % 2}`) : root;
      const all: PushableBlob[] = [];
      let newest: readonly PushableBlob[] = [];
      let unanswered: PushableBlob[] = [];
      let resumed = 0;
      let session: Session | undefined;
      for (let round = 0; round <= rounds; round++) {
        await using server = await startStoreServer(rootOf(round), {}, options);
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
          const sizes = sizesOf(place.kind, round);
          session = await beginAndLeave(client, sizes.session.size, sizes.session.offset);
          const known: Knowledge = { acknowledged: [], open: new Set() };
          let alive = true;
          const pushing = Promise.all(
            Array.from({ length: 6 }, () => pushUntilItDies(client, known, () => alive, sizes.next)),
          );
          // Some work at least, however slow the machine is; then a moment that nobody knows.
          const begun = async (): Promise<void> => {
            while (known.acknowledged.length < 2) await sleep(5);
          };
          await Promise.race([begun(), pushing]);
          await sleep(isBucket ? randomInt(20, 500) : randomInt(5, 250));
          alive = false;
          const killing = server.kill();
          client.stop();
          await killing;
          await pushing;
          newest = known.acknowledged;
          all.push(...newest);
          unanswered = [...known.open];
        }
        client.close();
      }
      expect(resumed).toBe(rounds);
      expect(all.length).toBeGreaterThan(2 * rounds);
      process.stdout.write(`${place.kind}: ${all.length} acknowledged blobs were read whole after ${rounds} kills\n`);

      // Two days later nobody has come back: neither stages nor parts are left.
      const store = await openStore({ ...options, root: rootOf(rounds), now: () => Date.now() + 2 * day });
      await store.uploads.sweep();
      await store.close();
      expect([await place.stageIds(), await place.unfinishedParts()]).toEqual([[], []]);
    },
  );
}
