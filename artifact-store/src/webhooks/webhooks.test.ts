import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { temporaryFolder, type TemporaryFolder } from "@waybill/foundation/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseRepositoryName } from "../names/index.ts";
import { describeRun } from "../packages/index.ts";
import { openStore, type Store } from "../store/index.ts";
import { startStateHub } from "../testing/index.ts";
import { isInside } from "./address-guard.ts";
import { defaultDeliveryLimits, delayAfter } from "./delivery.ts";
import { isSecret, newSecret, signatureOf } from "./signature.ts";

const quick = { allowPrivateNetworks: true, firstDelayMs: 5, longestDelayMs: 50, timeoutMs: 30_000 };
type Hub = Awaited<ReturnType<typeof startStateHub>>;

describe("webhooks", () => {
  let folder: TemporaryFolder;
  let store: Store;
  let hub: Hub;
  beforeEach(async () => {
    folder = await temporaryFolder("waybill-webhooks-");
    store = await openStore({ root: folder.path });
    hub = await startStateHub();
  });
  afterEach(async () => {
    await store.close();
    await hub.down();
    await folder[Symbol.asyncDispose]();
  });

  async function seal(runId: string, repository = "acme/runs"): Promise<string> {
    const totals = { tests: 1, tests_by_outcome: { OK: 1 } };
    const document = { run_id: runId, producer: "guide-board", kind: "cmis", subject: { server: "x" }, totals };
    const described = describeRun(document, hub.recordsUrl);
    const { id } = await store.packages.open({ repository: parseRepositoryName(repository), ...described });
    await store.packages.addFile(id, "run.json", { chunks: new Blob(["{}"]).stream() });
    await store.packages.seal(id);
    return id;
  }
  async function subscribe(o: { types?: string[]; tenant?: string } = {}): Promise<string> {
    const { id, secret } = await store.webhooks.subscribe({ url: hub.url, createdBy: "test", ...o });
    hub.secret = secret;
    return id;
  }

  it("keep a state hub in step, in order, whether they start before or after the events", async () => {
    await subscribe({ types: ["package.*"] });
    const id = await seal("r1");
    await store.webhooks.start(quick);
    await store.packages.delete(id, "superseded");
    await expect.poll(() => hub.records.get("r1")?.state).toBe("deleted");
    expect(hub.records.get("r1")?.history).toEqual(["package.opened", "package.sealed", "package.deleted"]);
    expect(hub.records.get("r1")?.digest).toMatch(/^sha256:/);
    expect(hub.forged).toBe(0);
  });

  it("try again while the hub is down or answers 500, and nothing overtakes", async () => {
    const id = await subscribe({ types: ["package.*"] });
    await store.webhooks.start(quick);
    await hub.down();
    await seal("r1");
    await seal("r2");
    await expect.poll(async () => (await store.webhooks.get(id)).failures).toBeGreaterThan(1);
    expect((await store.webhooks.get(id)).lastError).toMatch(/ECONNREFUSED/);
    hub.failing = 3;
    await hub.up();
    await expect.poll(() => hub.records.get("r2")?.state).toBe("sealed");
    expect(hub.records.get("r1")?.history).toEqual(["package.opened", "package.sealed"]);
    // The one that failed came again before the next one came at all.
    const numbers = hub.deliveries.map((one) => Number(one.split(".")[1]));
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    await expect.poll(async () => (await store.webhooks.get(id)).failures).toBe(0);
    expect((await store.webhooks.deadLetters(id)).length).toBe(0);
  });

  it("give an event up after so many attempts, show it, go on, and send it again when asked", async () => {
    const id = await subscribe({ types: ["package.opened"] });
    await store.webhooks.start({ ...quick, attempts: 3 });
    hub.failing = 3;
    await seal("lost");
    await seal("next");
    await expect.poll(() => hub.records.get("next")?.state).toBe("open");
    expect(hub.records.has("lost")).toBe(false);
    const [letter] = await store.webhooks.deadLetters(id);
    expect(letter).toMatchObject({ type: "package.opened", attempts: 3, error: "it answered 500" });
    await store.webhooks.redeliver(id, letter!.number);
    expect(hub.records.get("lost")?.state).toBe("open");
    expect(await store.webhooks.deadLetters(id)).toEqual([]);
    await expect(store.webhooks.redeliver(id, letter!.number)).rejects.toMatchObject({ code: "WEBHOOK_UNKNOWN" });
  });

  it("tell a tenant nothing of another one", async () => {
    await subscribe({ tenant: "globex", types: ["package.*"] });
    await store.webhooks.start(quick);
    await seal("theirs", "acme/runs");
    await seal("ours", "globex/runs");
    await expect.poll(() => hub.records.get("ours")?.state).toBe("sealed");
    expect(hub.records.has("theirs")).toBe(false);
    expect(hub.deliveries.length).toBe(2);
  });

  it("wait for no answer for ever, and end at once with the store", async () => {
    const silent = createServer(() => undefined).listen(0, "127.0.0.1");
    await once(silent, "listening");
    const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/`;
    const { id } = await store.webhooks.subscribe({ url, createdBy: "test" });
    await store.webhooks.start({ ...quick, timeoutMs: 50 });
    await seal("r1");
    await expect.poll(async () => (await store.webhooks.get(id)).lastError).toMatch(/no answer within 50 ms/);
    await store.close();
    silent.closeAllConnections();
    silent.close();
  });

  it("never speak to a private network unless the settings allow it", async () => {
    const id = await subscribe();
    const named = await store.webhooks.subscribe({
      url: `https://localhost:${new URL(hub.url).port}/`,
      createdBy: "test",
    });
    const literal = await store.webhooks.subscribe({ url: "https://[::ffff:127.0.0.1]/", createdBy: "test" });
    await store.webhooks.start({ ...quick, allowPrivateNetworks: false });
    await seal("r1");
    for (const [webhook, why] of [
      [id, /only https/],
      [named.id, /private network/],
      [literal.id, /private network/],
    ] as const) {
      await expect.poll(async () => (await store.webhooks.get(webhook)).lastError).toMatch(why);
    }
    expect(hub.deliveries).toEqual([]);
  });

  it.each(["ftp://x/", "nonsense", "http://user:secret@x/", `https://x/${"a".repeat(2000)}`])(
    "are refused for the address %s",
    async (url) => {
      await expect(store.webhooks.subscribe({ url, createdBy: "x" })).rejects.toMatchObject({
        code: "WEBHOOK_INVALID",
      });
    },
  );

  it("end when they are removed, and are no more", async () => {
    const id = await subscribe();
    await store.webhooks.start(quick);
    await store.webhooks.remove(id);
    await expect(store.webhooks.get(id)).rejects.toMatchObject({ code: "WEBHOOK_UNKNOWN" });
    await seal("r1");
    expect(await store.webhooks.list()).toEqual([]);
    expect(hub.deliveries).toEqual([]);
  });
});

describe("the guard of addresses", () => {
  it.each([
    "127.0.0.1",
    "10.1.2.3",
    "172.31.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fd00::1",
    "::ffff:10.0.0.1",
    "::ffff:a00:1",
    "64:ff9b::a00:1",
    "2002:a00:1::",
  ])("%s is inside", (address) => {
    expect(isInside(address)).toBe(true);
  });
  it.each(["1.1.1.1", "93.184.216.34", "172.32.0.1", "2606:4700::1111"])("%s is outside", (address) => {
    expect(isInside(address)).toBe(false);
  });
});

describe("deliveries", () => {
  it("wait longer and longer, each a random part of it", () => {
    const limits = defaultDeliveryLimits;
    expect([1, 2, 3].map((failures) => delayAfter(failures, limits, () => 1))).toEqual([1000, 2000, 4000]);
    expect(delayAfter(1, limits, () => 0)).toBe(100);
    expect(delayAfter(1000, limits, () => 1)).toBe(limits.longestDelayMs);
  });

  it("are signed as the specification's own example is", () => {
    const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const body = '{"test": 2432232314}';
    expect(signatureOf(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body)).toBe(
      "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    );
    expect(isSecret(newSecret())).toBe(true);
    expect(isSecret("whsec_short")).toBe(false);
  });
});
