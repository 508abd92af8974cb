import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { afterAll, describe, expect, it } from "vitest";
import { openDoor, type Who } from "../testing/index.ts";

const door = await openDoor();
afterAll(() => door.close());

async function call(
  method: string,
  path: string,
  o: { readonly as?: Who; readonly json?: object; readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<{ status: number; headers: Headers; json: Record<string, unknown> }> {
  const response = await door.call(method, `/api/v1${path}`, {
    as: o.as ?? "acme",
    headers: { "content-type": "application/json", ...o.headers },
    ...(o.json === undefined ? {} : { body: JSON.stringify(o.json) }),
  });
  const text = await response.text();
  const json = (text === "" ? {} : JSON.parse(text)) as Record<string, unknown>;
  return { status: response.status, headers: response.headers, json };
}

describe("webhooks over HTTP", () => {
  it("are a tenant's own, signed, and show how they fare", async () => {
    const got: { headers: Record<string, unknown>; body: { type: string; tenant: string } }[] = [];
    const hub = createServer((request, response) => {
      void (async () => {
        got.push({ headers: request.headers, body: JSON.parse((await buffer(request)).toString()) as never });
        response.end();
      })();
    }).listen(0, "127.0.0.1");
    await once(hub, "listening");
    await door.store.webhooks.start({ allowPrivateNetworks: true, firstDelayMs: 10 });
    const url = `http://127.0.0.1:${(hub.address() as AddressInfo).port}/hook`;
    expect((await call("POST", "/webhooks", { json: { url } })).status).toBe(403);
    const made = await call("POST", "/webhooks", { as: "globex", json: { url, types: ["package.*"] } });
    expect(made.json).toMatchObject({ tenant: "globex", types: ["package.*"], failures: 0 });
    expect(String(made.json["secret"])).toMatch(/^whsec_/);
    const id = String(made.json["id"]);
    for (const who of ["acme", "globex"] as const) {
      const opened = { repository: `${who}/runs`, producer: "guide-board", kind: "cmis" };
      expect((await call("POST", "/packages", { as: who, json: opened })).status).toBe(201);
    }
    await expect.poll(() => got.length).toBe(1);
    expect(got[0]?.body).toMatchObject({ type: "io.waybill.store.package.opened", tenant: "globex" });
    await expect
      .poll(async () => (await call("GET", `/webhooks/${id}`, { as: "globex" })).json["lastDeliveredAt"])
      .toBeDefined();
    expect((await call("GET", "/webhooks", { as: "globex" })).json["items"]).toHaveLength(1);
    expect(JSON.stringify((await call("GET", "/webhooks", { as: "globex" })).json)).not.toContain("whsec_");
    expect((await call("GET", `/webhooks/${id}/dead-letters`, { as: "globex" })).json["items"]).toEqual([]);
    expect((await call("POST", `/webhooks/${id}/dead-letters/1/redeliver`, { as: "globex" })).status).toBe(404);
    expect((await call("POST", "/webhooks", { as: "globex", json: { url: "ftp://x" } })).json["code"]).toBe(
      "WEBHOOK_INVALID",
    );
    expect((await call("DELETE", `/webhooks/${id}`, { as: "globex" })).status).toBe(204);
    expect((await call("GET", `/webhooks/${id}`, { as: "globex" })).status).toBe(404);
    hub.close();
  });

  it("are one for a key: the answer is the same, and another wish or another caller is another", async () => {
    const json = { url: "https://states.example/hooks", types: ["package.*"] };
    const headers = { "idempotency-key": "k1" };
    const first = await call("POST", "/webhooks", { as: "globex", json, headers });
    expect([first.status, first.headers.get("idempotent-replayed")]).toEqual([201, null]);
    expect(first.headers.get("location")).toBe(`/api/v1/webhooks/${String(first.json["id"])}`);
    const again = await Promise.all([1, 2, 3].map(() => call("POST", "/webhooks", { as: "globex", json, headers })));
    for (const { status, json: said, headers: told } of again) {
      expect([status, told.get("idempotent-replayed")]).toEqual([201, "true"]);
      expect(said).toEqual(first.json);
    }
    for (const other of [{ types: ["*"] }, { url: "https://other.example/" }, { secret: `whsec_${"A".repeat(40)}` }]) {
      const refused = await call("POST", "/webhooks", { as: "globex", json: { ...json, ...other }, headers });
      expect([refused.status, refused.json["code"]]).toEqual([422, "KEY_REUSED"]);
    }
    const admins = await call("POST", "/webhooks", { as: "admin", json, headers });
    expect([admins.status, admins.json["id"] === first.json["id"]]).toEqual([201, false]);
    const bad = await call("POST", "/webhooks", { as: "globex", json, headers: { "idempotency-key": "a b" } });
    expect(bad.status).toBe(400);
    expect((await call("GET", "/webhooks", { as: "globex" })).json["items"]).toHaveLength(1);
  });

  it("that are made by many requests of one key at once are one", async () => {
    const json = { url: "https://states.example/at-once" };
    const headers = { "idempotency-key": "k2" };
    const all = await Promise.all(
      Array.from({ length: 8 }, () => call("POST", "/webhooks", { as: "admin", json, headers })),
    );
    expect(
      new Set(all.map(({ status, json: said }) => JSON.stringify([status, said["id"], said["secret"]]))).size,
    ).toBe(1);
    expect(all.filter((one) => one.headers.get("idempotent-replayed") === null)).toHaveLength(1);
  });
});
