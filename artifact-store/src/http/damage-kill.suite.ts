import { randomInt } from "node:crypto";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { digestOf, type Digest } from "../digest/index.ts";
import { openStore, type StoreOptions } from "../store/index.ts";
import {
  blobOfSize,
  registryClient,
  startStoreServer,
  type PushableBlob,
  type RegistryClient,
  type TestPlace,
} from "../testing/index.ts";

const home = "acme/damaged";
const other = "acme/other";
const workers = 4;
/** In bytes: no larger blob is kept in memory, wherever the others are. */
const largestInMemory = 256 * 1024;

/**
 * What the test knows of a blob:
 * - whole: pushed and acknowledged, and nobody touched it since;
 * - spoilt: other bytes lie in its place, and no answer has shown a mark;
 * - marked: an answer has shown that the store knows;
 * - healing: pushed again when it was spoilt or marked, and not answered.
 */
type Condition = "whole" | "spoilt" | "marked" | "healing-spoilt" | "healing-marked";

interface Known {
  readonly blob: PushableBlob;
  condition: Condition;
}

type Outcome = "blob" | "other bytes" | "error";

/** What a GET brings: the blob, other bytes as if they were the blob, or an error (an answer, or a connection that broke off). */
async function read(client: RegistryClient, { digest }: PushableBlob): Promise<Outcome> {
  const answer = await client.send("GET", `/v2/${home}/blobs/${digest}`).catch(() => undefined);
  if (answer?.status !== 200) return "error";
  return digestOf(answer.body) === digest ? "blob" : "other bytes";
}

async function promised(client: RegistryClient, { digest }: PushableBlob): Promise<boolean> {
  const head = await client.send("HEAD", `/v2/${home}/blobs/${digest}`);
  const mount = await client.send("POST", `/v2/${other}/blobs/uploads/?mount=${digest}&from=${home}`);
  expect([200, 404]).toContain(head.status);
  expect([201, 202]).toContain(mount.status);
  // Somebody's reading may mark it in between, and a push heal it: both are looked at only where neither is under way.
  return head.status === 200 && mount.status === 201;
}

async function push(client: RegistryClient, blob: PushableBlob): Promise<void> {
  const ways = [client.pushStreamed, client.pushWhole, client.pushAtOnce];
  const { status, body } = await ways[randomInt(ways.length)]!(home, blob);
  expect([status, status === 201 ? "" : body.toString()]).toEqual([201, ""]);
}

function spoiltBytes(blob: PushableBlob): Uint8Array | undefined {
  const bytes = Buffer.concat([...blob.bytes()]);
  const kind = randomInt(8);
  if (kind === 0) return undefined;
  if (kind === 1) return bytes.subarray(0, -1);
  bytes[randomInt(bytes.byteLength)]! ^= 1;
  return bytes;
}

/** Whether readings found the damage, and it is marked then. */
async function isFoundBy(
  readings: readonly Promise<Outcome>[],
  client: RegistryClient,
  blob: PushableBlob,
  alive: () => boolean,
): Promise<boolean> {
  const outcomes = await Promise.all(readings);
  if (!alive()) return false;
  expect(outcomes).not.toContain("other bytes");
  // What lies in memory is right, and nobody looks below it.
  const isFound = !outcomes.includes("blob");
  expect(isFound || blob.size <= largestInMemory).toBe(true);
  expect(await promised(client, blob)).toBe(!isFound);
  return isFound;
}

/** Ends with the server: whatever its death interrupts says nothing, and the next server is asked. */
async function spoilAndHeal(
  client: RegistryClient,
  place: TestPlace,
  own: Known[],
  alive: () => boolean,
  seen: { marks: number; heals: number },
): Promise<void> {
  try {
    while (alive()) {
      const known: Known = own[randomInt(Math.max(own.length, 4))] ?? {
        // In memory for small ones, from the disk or the bucket; small enough that a bucket has them under their digest.
        blob: blobOfSize(randomInt(3) === 0 ? randomInt(100, 60_000) : randomInt(300_000, 700_000)),
        condition: "healing-spoilt",
      };
      const { blob } = known;
      if (!own.includes(known)) {
        await push(client, blob);
        known.condition = "whole";
        own.push(known);
      }
      if (known.condition === "whole") {
        known.condition = "spoilt";
        await place.tamper(blob.digest, spoiltBytes(blob));
      }
      // Two at once, of which one finds it first; or beside a push, which heals what they find.
      const isRaced = randomInt(3) === 0;
      const readings = [read(client, blob), read(client, blob)];
      if (!isRaced) {
        if (await isFoundBy(readings, client, blob, alive)) {
          known.condition = "marked";
          seen.marks++;
        }
        if (!alive()) return;
      }
      known.condition = known.condition === "marked" ? "healing-marked" : "healing-spoilt";
      await push(client, blob);
      known.condition = "whole";
      seen.heals++;
      expect(await Promise.all(readings)).not.toContain("other bytes");
      if (!alive()) return;
      expect(await promised(client, blob)).toBe(true);
    }
  } catch (error) {
    if (alive()) throw error;
  }
}

/** What may be seen of a blob after a kill. A mark goes with the commit of bytes that lie there: never before them. */
const permitted: Readonly<Record<Condition, readonly string[]>> = {
  whole: ["promised, blob"],
  spoilt: ["promised, error", "not promised, error"],
  marked: ["not promised, error"],
  "healing-spoilt": ["promised, blob", "promised, error", "not promised, error"],
  "healing-marked": ["promised, blob", "not promised, error"],
};

/** Looks at a blob after a kill, and heals it now and then. */
async function examine(client: RegistryClient, known: Known): Promise<void> {
  const { blob, condition } = known;
  const before = (await promised(client, blob)) ? "promised" : "not promised";
  const found = await read(client, blob);
  expect(permitted[condition]).toContain(`${before}, ${found}`);
  expect(await promised(client, blob)).toBe(found === "blob");
  known.condition = found === "blob" ? "whole" : "marked";
  if (known.condition === "whole" || randomInt(2) === 0) return;
  await push(client, blob);
  known.condition = "whole";
  expect([await promised(client, blob), await read(client, blob)]).toEqual([true, "blob"]);
}

/** A store that verifies what it reads, killed again and again while bytes are spoilt, found, marked and healed. */
export function describeDamageKills(startPlace: () => Promise<TestPlace>, rounds: number): void {
  it(
    `${rounds} times while damaged blobs are read, marked and healed: what is whole is promised, what is marked is not, a push heals`,
    { timeout: (600 + rounds * 20) * 1000 },
    async () => {
      await using place = await startPlace();
      const { root, ...places } = place.options;
      const options: Omit<StoreOptions, "root"> = {
        ...places,
        database: join(root, "catalog.sqlite"),
        verifyReads: true,
        ...(place.kind === "bucket" ? { lease: { beatMs: 100, silenceMs: 1000 } } : {}),
      };
      const all: Known[][] = Array.from({ length: workers }, () => []);
      const total = { marks: 0, heals: 0 };
      const killedIn = new Map<Condition, number>();
      for (let round = 0; round <= rounds; round++) {
        await using server = await startStoreServer(root, {}, options);
        const client = registryClient(server.url);
        for (const known of all.flat()) {
          killedIn.set(known.condition, (killedIn.get(known.condition) ?? 0) + 1);
          await examine(client, known);
        }
        if (round < rounds) {
          const seen = { marks: 0, heals: 0 };
          let alive = true;
          const working = Promise.all(all.map((own) => spoilAndHeal(client, place, own, () => alive, seen)));
          // Something of each at least, however slow the machine is; then a moment that nobody knows.
          const begun = async (): Promise<void> => {
            while (seen.marks < 2 || seen.heals < 2) await sleep(5);
          };
          await Promise.race([begun(), working]);
          await sleep(place.kind === "bucket" ? randomInt(20, 500) : randomInt(5, 250));
          alive = false;
          const killing = server.kill();
          client.stop();
          await killing;
          await working;
          total.marks += seen.marks;
          total.heals += seen.heals;
          // Old ones have been looked at often enough.
          for (const own of all) own.splice(0, Math.max(0, own.length - 4));
        }
        client.close();
      }
      expect(total.marks).toBeGreaterThanOrEqual(2 * rounds);
      const conditions = [...killedIn].map(([condition, count]) => `${count} ${condition}`).join(", ");
      process.stdout.write(
        `${place.kind}: ${rounds} kills, ${total.marks} marks and ${total.heals} heals; blobs looked at after them: ${conditions}\n`,
      );
      await expectToldInTurns({ ...options, root }, all.flat());
    },
  );
}

/** Of every blob damage and healing are told in turns, each once, and the last of them is how the catalog has it. */
async function expectToldInTurns(options: StoreOptions, blobs: readonly Known[]): Promise<void> {
  const store = await openStore(options);
  const told = new Map<string, string[]>();
  let after = 0;
  for (;;) {
    const events = await store.events.read({ after, limit: 1000 });
    for (const { type, subject, number } of events) {
      after = number;
      if (type === "blob.damaged" || type === "blob.healed") told.set(subject, [...(told.get(subject) ?? []), type]);
    }
    if (events.length === 0) break;
  }
  await store.close();
  expect(told.size).toBeGreaterThan(0);
  for (const types of told.values()) {
    expect(types).toEqual(types.map((_, at) => (at % 2 === 0 ? "blob.damaged" : "blob.healed")));
  }
  const isMarked = (digest: Digest): boolean => told.get(digest)?.at(-1) === "blob.damaged";
  for (const { blob, condition } of blobs) expect(isMarked(blob.digest)).toBe(condition === "marked");
}
