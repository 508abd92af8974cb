import { randomBytes } from "node:crypto";
import { readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openDatabase, type Database } from "@waybill/foundation/database";
import { eventLogMigrations } from "@waybill/foundation/eventlog";
import { temporaryFolder, type TemporaryFolder } from "@waybill/foundation/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { storeMigrations, type StoreTables } from "../catalog/index.ts";
import { parseRepositoryName } from "../names/index.ts";
import { openStore, type Store } from "../store/index.ts";
import { startStateHub } from "../testing/index.ts";

const quick = { allowPrivateNetworks: true, firstDelayMs: 5, longestDelayMs: 50, timeoutMs: 30_000 };

describe("secrets of webhooks", () => {
  let folder: TemporaryFolder;
  let hub: Awaited<ReturnType<typeof startStateHub>>;
  let store: Store;
  const at = (name: string): string => join(folder.path, name);
  beforeEach(async () => {
    folder = await temporaryFolder("waybill-secrets-");
    hub = await startStateHub();
    store = await openStore({ root: folder.path });
  });
  afterEach(async () => {
    await store.close();
    await hub.down();
    await folder[Symbol.asyncDispose]();
  });

  async function subscribe(): Promise<string> {
    const { id, secret } = await store.webhooks.subscribe({ url: hub.url, createdBy: "test" });
    hub.secret = secret;
    return id;
  }
  async function reopen(): Promise<void> {
    await store.close();
    store = await openStore({ root: folder.path });
  }
  async function openPackage(runId: string): Promise<void> {
    const repository = parseRepositoryName("acme/runs");
    await store.packages.open({ repository, producer: "tests", kind: "run", runId });
  }
  /** All bytes of the catalog, whichever of its files they are in. */
  async function catalogBytes(): Promise<Buffer> {
    const names = (await readdir(folder.path)).filter((name) => name.startsWith("catalog.sqlite"));
    return Buffer.concat(await Promise.all(names.map((name) => readFile(at(name)))));
  }
  async function inCatalog<T>(work: (database: Database<StoreTables>) => Promise<T>): Promise<T> {
    const migrations = [storeMigrations, eventLogMigrations];
    const database = await openDatabase<StoreTables>({ url: at("catalog.sqlite"), migrations });
    try {
      return await work(database);
    } finally {
      await database.close();
    }
  }
  const secretOf = async (id: string): Promise<string> =>
    await inCatalog(async ({ read }) => {
      const query = read.selectFrom("store_webhooks").select("secret").where("id", "=", id);
      return (await query.executeTakeFirstOrThrow()).secret;
    });
  async function writeSecret(id: string, secret: string): Promise<void> {
    await inCatalog((database) =>
      database.transaction((tx) => tx.updateTable("store_webhooks").set({ secret }).where("id", "=", id).execute()),
    );
  }

  it("are in no byte of the catalog, and sign all the same, also after a restart", async () => {
    const id = await subscribe();
    const text = hub.secret.slice("whsec_".length);
    expect((await catalogBytes()).includes(text)).toBe(false);
    expect((await stat(at("secrets.key"))).mode & 0o777).toBe(0o600);
    await reopen();
    expect((await catalogBytes()).includes(text)).toBe(false);
    await store.webhooks.start(quick);
    await openPackage("r1");
    await expect.poll(() => hub.deliveries.length).toBe(1);
    expect(hub.forged).toBe(0);
    await store.close();
    expect(await secretOf(id)).toMatch(/^sealed:v1:/);
  });

  it("that lie in plain, from an older release, sign on, and are sealed without a trace at the first start", async () => {
    const ids: string[] = [];
    for (let turn = 0; turn < 5; turn++) ids.push(await subscribe());
    await store.close();
    for (const id of ids) await writeSecret(id, hub.secret);
    expect((await catalogBytes()).includes(hub.secret)).toBe(true);
    await reopen();
    await store.webhooks.start(quick);
    await openPackage("r1");
    await expect.poll(() => hub.deliveries.length).toBe(ids.length);
    expect(hub.forged).toBe(0);
    await store.close();
    for (const id of ids) expect(await secretOf(id)).toMatch(/^sealed:v1:/);
    expect((await catalogBytes()).includes(hub.secret)).toBe(false);
  });

  it("go over to a key that is put in before the old one, which then may go", async () => {
    const id = await subscribe();
    const before = await readFile(at("secrets.key"), "utf8");
    await writeFile(at("secrets.key"), `2027-01 ${randomBytes(32).toString("base64")}\n${before}`);
    await reopen();
    await store.webhooks.start(quick);
    await store.close();
    expect(await secretOf(id)).toMatch(/^sealed:v1:2027-01:/);
    const [first = ""] = (await readFile(at("secrets.key"), "utf8")).split("\n");
    await writeFile(at("secrets.key"), `${first}\n`);
    await reopen();
    await store.webhooks.start(quick);
    await openPackage("r1");
    await expect.poll(() => hub.deliveries.length).toBe(1);
    expect(hub.forged).toBe(0);
  });

  it("whose key is lost say so at their subscription, and hold up neither the start nor another one", async () => {
    const lost = await subscribe();
    await store.close();
    await rm(at("secrets.key"));
    store = await openStore({ root: folder.path });
    await store.webhooks.start(quick);
    await subscribe();
    await openPackage("r1");
    await expect.poll(() => hub.deliveries.length).toBe(1);
    const said = async (): Promise<string | undefined> => (await store.webhooks.get(lost)).lastError;
    await expect.poll(said).toMatch(/^the key [0-9a-f]{8} of this secret is not in .*secrets\.key/);
    expect(hub.forged).toBe(0);
  });

  it("open in no other row", async () => {
    const [one, other] = [await subscribe(), await subscribe()];
    await store.close();
    await writeSecret(one, await secretOf(other));
    await reopen();
    await store.webhooks.start(quick);
    await openPackage("r1");
    await expect.poll(async () => (await store.webhooks.get(one)).failures).toBeGreaterThan(0);
    expect(hub.forged).toBe(0);
  });
});
