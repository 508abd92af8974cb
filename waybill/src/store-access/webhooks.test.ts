import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { openStore, parseRepositoryName } from "@waybill/artifact-store";
import { registryGroups } from "@waybill/artifact-store/http";
import { openAuthenticator } from "@waybill/foundation/auth";
import { UserError } from "@waybill/foundation/errors";
import { createApp, startServer } from "@waybill/foundation/http";
import { silentLogger, temporaryFolder } from "@waybill/foundation/testing";
import { afterAll, describe, expect, it } from "vitest";
import { NotFoundError } from "../errors/index.ts";
import { localAccess } from "../store-folder/index.ts";
import { remoteAccess, type StoreAccess } from "./index.ts";

const folder = await temporaryFolder("waybill-access-");
const store = await openStore({ root: folder.path, limits: { collectEveryMs: 0 } });
await store.webhooks.start({ allowPrivateNetworks: true, attempts: 1 });
const log = silentLogger();
const app = createApp({ groups: registryGroups(store, { log }), authenticator: openAuthenticator(), log });
const server = await startServer({ app, address: { host: "127.0.0.1", port: 0 }, log });
const remote = remoteAccess(new URL(server.url), undefined);
const local = localAccess({ store, close: () => Promise.resolve() }, folder.path);

let status = 500;
let received = 0;
const receiver = createServer((request, response) => {
  request.resume();
  received++;
  response.writeHead(status).end();
}).listen(0, "127.0.0.1");
await once(receiver, "listening");
const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;

afterAll(async () => {
  receiver.closeAllConnections();
  receiver.close();
  await remote.close();
  await server.close();
  await store.close();
  await folder[Symbol.asyncDispose]();
});

const nobody = "00000000-0000-4000-8000-000000000000";

describe.each<[string, StoreAccess]>([
  ["a folder", local],
  ["a server", remote],
])("subscriptions of a store in %s", (name, { webhooks }) => {
  it("are made once for a key, listed, shown without their secret, and ended", async () => {
    const asked = { url, types: ["class.*"], key: name.replaceAll(" ", "-") };
    const made = await webhooks.add(asked);
    expect(await webhooks.add(asked)).toEqual(made);
    const { secret, ...shown } = made;
    expect(secret).toMatch(/^whsec_/);
    expect(await webhooks.get(made.id)).toEqual(shown);
    expect(await webhooks.list()).toContainEqual(shown);
    await webhooks.remove(made.id);
    await expect(webhooks.get(made.id)).rejects.toBeInstanceOf(NotFoundError);
    await expect(webhooks.remove(made.id)).rejects.toBeInstanceOf(NotFoundError);
    await expect(webhooks.add({ url: "states.example" })).rejects.toThrow("http or https address");
    await expect(webhooks.add({ url, types: ["Class"] })).rejects.toBeInstanceOf(UserError);
  });

  it("keep what was given up, and send it once more when they are told to", async () => {
    status = 500;
    const { id } = await webhooks.add({ url, types: ["package.opened"] });
    await store.packages.open({ repository: parseRepositoryName("acme/told"), producer: "ci", kind: "junit" });
    await expect.poll(() => webhooks.deadLetters(id)).toHaveLength(1);
    const [letter] = await webhooks.deadLetters(id);
    expect(letter).toMatchObject({
      type: "package.opened",
      attempts: 1,
      error: expect.stringContaining("500") as string,
    });
    const number = letter?.number ?? 0;
    expect(await webhooks.deadLetters(id, number)).toEqual([]);
    await expect(webhooks.redeliver(id, number)).rejects.toThrow("could not be delivered");
    expect(await webhooks.deadLetters(id)).toHaveLength(1);
    status = 204;
    const before = received;
    await webhooks.redeliver(id, number);
    expect(received).toBe(before + 1);
    expect(await webhooks.deadLetters(id)).toEqual([]);
    await expect(webhooks.redeliver(id, number)).rejects.toBeInstanceOf(NotFoundError);
    await expect(webhooks.deadLetters(nobody)).rejects.toBeInstanceOf(NotFoundError);
    await webhooks.remove(id);
  });
});
