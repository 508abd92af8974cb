import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createHmac } from "node:crypto";
import { expect, it } from "vitest";
import { openStorePlace } from "./harness/store-places.ts";
import { until } from "./harness/until.ts";

interface Delivery {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

it("a subscription of the command line is delivered to, shown, and ended", async () => {
  const deliveries: Delivery[] = [];
  const receiver = createServer((request, response) => {
    void (async () => {
      deliveries.push({ headers: request.headers, body: await text(request) });
      response.writeHead(204).end();
    })();
  }).listen(0, "127.0.0.1");
  await once(receiver, "listening");
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hooks`;
  await using place = await openStorePlace("a server", { ARTIFACT_STORE_WEBHOOK_PRIVATE_NETWORKS: "true" });
  const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
  await writeFile(join(place.work, "secret"), `${secret}\n`);
  await writeFile(join(place.work, "report.txt"), "passed");
  const added = await place.good(["webhook", "add", url, "--type", "package.sealed", "--secret-file", "secret"]);
  expect(added).toContain(secret);
  const id = /^webhook: +(\S+)$/m.exec(added)?.[1] ?? "";
  await place.good(["put", "report.txt", "acme/told:v1"]);
  const { headers, body } = await until("the delivery", () => deliveries[0]);
  const signed = `${String(headers["webhook-id"])}.${String(headers["webhook-timestamp"])}.${body}`;
  const signature = createHmac("sha256", Buffer.alloc(32, 7)).update(signed).digest("base64");
  expect(headers["webhook-signature"]).toBe(`v1,${signature}`);
  expect(JSON.parse(body)).toMatchObject({ data: { repository: "acme/told" } });
  const shown = await until("that it is settled", async () => {
    const told = await place.good(["webhook", "show", id]);
    return /^delivered: /m.test(told) ? told : undefined;
  });
  expect(shown).toMatch(/^types: +package\.sealed$/m);
  expect(shown).not.toContain("whsec_");
  expect(await place.good(["webhook", "list"])).toMatch(new RegExp(`^${id} .*package\\.sealed +\\d+ +0$`, "m"));
  expect(await place.good(["webhook", "dead-letters", id, "--json"])).toBe("");
  expect((await place.run(["webhook", "redeliver", id, "1"])).code).toBe(4);
  await place.good(["webhook", "remove", id]);
  expect((await place.run(["webhook", "show", id])).code).toBe(4);
  receiver.closeAllConnections();
  receiver.close();
});
