import { openDatabase } from "@waybill/foundation/database";
import { eventLogMigrations } from "@waybill/foundation/eventlog";
import { testDatabaseUrl, type DatabaseKind } from "@waybill/foundation/testing";
import { expect, it } from "vitest";
import { storeMigrations, type StoreTables } from "../catalog/index.ts";
import { digestOf } from "../digest/index.ts";
import { mediaTypes } from "../manifests/index.ts";
import { parseRepositoryName, parseTag } from "../names/index.ts";
import { countedDatabase, folderPlace } from "../testing/index.ts";
import { openStore } from "./index.ts";

const home = parseRepositoryName("acme/counted");
const other = parseRepositoryName("acme/other");
const source = (bytes: Uint8Array) => ({ chunks: new Blob([Uint8Array.from(bytes)]).stream() });

function imageOf(config: Uint8Array, layers: readonly Uint8Array[]): Buffer {
  const descriptor = (bytes: Uint8Array) => ({
    mediaType: "application/octet-stream",
    digest: digestOf(bytes),
    size: bytes.byteLength,
  });
  const manifest = { schemaVersion: 2, config: descriptor(config), layers: layers.map(descriptor) };
  return Buffer.from(JSON.stringify({ ...manifest, mediaType: mediaTypes.ociImage }));
}

/**
 * How often a push and a pull ask the catalog. Over a network each statement is a round trip, so one more is a decision:
 * whoever makes it writes it down here.
 */
export function describeStatements(kind: DatabaseKind): void {
  it(`of a push and a pull are few, on ${kind}`, async () => {
    await using place = await folderPlace();
    const server = await testDatabaseUrl(kind);
    const database = await openDatabase<StoreTables>({
      url: server.url,
      migrations: [storeMigrations, eventLogMigrations],
    });
    let statements = 0;
    const fewest: Record<string, number> = {};
    // What the store does by itself meanwhile is counted, too, but not in each of several rounds.
    const during = async (what: string, work: () => Promise<unknown>): Promise<void> => {
      statements = 0;
      await work();
      fewest[what] = Math.min(fewest[what] ?? Infinity, statements);
    };
    const store = await openStore({
      ...place.options,
      database: countedDatabase(database, () => statements++),
      limits: { collectEveryMs: 0 },
    });
    const tag = parseTag("v1");
    const config = Buffer.from("{}");
    await store.blobs.put(home, source(config), digestOf(config));
    await store.blobs.put(other, source(config), digestOf(config));
    for (let round = 0; round < 5; round++) {
      const [layer, streamed] = [Buffer.from(`layer ${round}`), Buffer.from(`streamed ${round}`)];
      const digests = { layer: digestOf(layer), streamed: digestOf(streamed) };
      const content = imageOf(config, [layer, streamed]);
      await during("a blob in one request", () => store.blobs.put(home, source(layer), digests.layer));
      await during("a blob in a session", async () => {
        const { id } = await store.uploads.start(home);
        await store.uploads.finish(home, id, digests.streamed, { source: source(streamed) });
      });
      await during("a manifest with a tag", () => store.manifests.put(home, content, { tags: [tag] }));
      await during("the same again", () => store.manifests.put(home, content, { tags: [tag] }));
      await during("HEAD of a blob", () => store.blobs.stat(home, digests.layer));
      await during("a mount", () => store.blobs.mount(other, digests.layer, home));
      await during("a manifest by its tag", () => store.manifests.get(home, { tag }));
      await during("a blob's bytes", async () => (await store.blobs.open(home, digests.layer)).reader.close());
      await during("a manifest removed", () => store.manifests.remove(home, digestOf(content)));
    }
    await store.close();
    await database.close();
    await server.drop();
    // The writer's lock, which SQLite has by nature.
    const writer = kind === "postgres" ? 1 : 0;
    expect(fewest).toEqual({
      "a blob in one request": 7 + writer,
      "a blob in a session": 7 + writer,
      "a manifest with a tag": 10 + writer,
      "the same again": 7 + writer,
      "HEAD of a blob": 1,
      "a mount": 6 + writer,
      "a manifest by its tag": 1,
      "a blob's bytes": 1,
      "a manifest removed": 13 + writer,
    });
  });
}
