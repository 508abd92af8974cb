import { openDatabase } from "@waybill/foundation/database";
import { eventLogMigrations } from "@waybill/foundation/eventlog";
import { temporaryFolder } from "@waybill/foundation/testing";
import { describe, expect, it } from "vitest";
import { storeMigrations, type StoreTables } from "../catalog/index.ts";
import { digestOf } from "../digest/index.ts";
import { parseRepositoryName } from "../names/index.ts";
import { openStore } from "./open.ts";

const home = parseRepositoryName("acme/app");
const bytes = Buffer.from("some bytes");
const source = (): { chunks: ReadableStream<Uint8Array> } => ({ chunks: new Blob([bytes]).stream() });

async function open() {
  const folder = await temporaryFolder("waybill-begun-");
  const migrations = [storeMigrations, eventLogMigrations];
  const database = await openDatabase<StoreTables>({ url: ":memory:", migrations });
  const start = () => openStore({ root: folder.path, database });
  const known = async (): Promise<string[]> =>
    (await database.read.selectFrom("store_uploads").select("id").execute()).map((row) => row.id);
  const close = async (): Promise<void> => {
    await database.close();
    await folder[Symbol.asyncDispose]();
  };
  return { start, known, close };
}

describe("an upload that has just begun", () => {
  it("costs the catalog nothing when it is finished or cancelled at once", async () => {
    const { start, known, close } = await open();
    const store = await start();
    const finished = await store.uploads.start(home);
    const cancelled = await store.uploads.start(home);
    expect(await known()).toEqual([]);
    await store.uploads.finish(home, finished.id, digestOf(bytes), { source: source() });
    await store.uploads.cancel(home, cancelled.id);
    await store.close();
    expect(await known()).toEqual([]);
    await close();
  });

  it("is known to the catalog before anybody is told that its bytes are kept", async () => {
    const { start, known, close } = await open();
    const store = await start();
    const { id } = await store.uploads.start(home);
    await store.uploads.append(home, id, source());
    expect(await known()).toEqual([id]);
    await store.close();
    await close();
  });

  it("is written down when the store closes, and goes on in the next one", async () => {
    const { start, known, close } = await open();
    const first = await start();
    const { id } = await first.uploads.start(home);
    await first.close();
    expect(await known()).toEqual([id]);
    const second = await start();
    await second.uploads.finish(home, id, digestOf(bytes), { source: source() });
    expect(await known()).toEqual([]);
    await second.close();
    await close();
  });

  it("is kept when its last request breaks off", async () => {
    const { start, known, close } = await open();
    const store = await start();
    const { id } = await store.uploads.start(home);
    const short = { chunks: source().chunks, length: bytes.length + 1 };
    await expect(store.uploads.finish(home, id, digestOf(bytes), { source: short })).rejects.toThrow("announced");
    expect(await known()).toEqual([id]);
    expect(await store.uploads.status(home, id)).toMatchObject({ id, offset: bytes.length });
    await store.close();
    await close();
  });

  it("is written down at once among very many", async () => {
    const { start, known, close } = await open();
    const store = await start();
    for (let count = 0; count < 210; count++) await store.uploads.start(home);
    expect((await known()).length).toBeGreaterThanOrEqual(10);
    await store.close();
    expect(await known()).toHaveLength(210);
    await close();
  });
});
