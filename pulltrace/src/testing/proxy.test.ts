import { connect, createServer, type Server } from "node:net";
import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type RateLimitedProxy, rateLimitedProxy } from "./proxy.ts";

let target: Server;
let proxy: RateLimitedProxy;
const payload = Buffer.alloc(300_000, "waybill");

beforeEach(async () => {
  target = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => socket.end(payload));
  });
  await new Promise<void>((resolve) => target.listen(0, "127.0.0.1", resolve));
  const address = target.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  proxy = await rateLimitedProxy({ target: { host: "127.0.0.1", port: address.port }, bytesPerSecond: 1e9 });
});
afterEach(async () => {
  await proxy.close();
  await new Promise((resolve) => target.close(resolve));
});

async function fetchThrough(): Promise<Buffer> {
  const parts: Buffer[] = [];
  const socket = connect(proxy.port, "127.0.0.1");
  socket.on("data", (part: Buffer) => parts.push(part));
  socket.write("please");
  await once(socket, "close");
  return Buffer.concat(parts);
}

describe("the slow link", () => {
  it("passes every byte on in order and counts it", async () => {
    expect((await fetchThrough()).equals(payload)).toBe(true);
    expect(proxy.bytes).toBe(payload.byteLength);
  });

  it("is never faster than its rate", async () => {
    proxy.setRate(600_000);
    const begun = performance.now();
    await Promise.all([fetchThrough(), fetchThrough()]);
    const allowed = (600_000 * (performance.now() - begun)) / 1000 + 60_000;
    expect(proxy.bytes).toBeLessThanOrEqual(allowed);
  });

  it("stands still at rate 0 and goes on afterwards", async () => {
    proxy.setRate(0);
    const fetching = fetchThrough();
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(proxy.bytes).toBeLessThanOrEqual(1);
    expect(proxy.connections).toBe(1);
    proxy.setRate(1e9);
    expect((await fetching).byteLength).toBe(payload.byteLength);
  });

  it("cut in mid-stream resets its connections and takes no new ones until told", async () => {
    proxy.setRate(100_000);
    const socket = connect(proxy.port, "127.0.0.1");
    const broken = once(socket, "error");
    socket.write("please");
    await once(socket, "data");
    proxy.drop({ refuse: true });
    expect((await broken)[0]).toMatchObject({ code: "ECONNRESET" });
    const refused = connect(proxy.port, "127.0.0.1");
    await new Promise((resolve) => {
      refused.once("error", resolve);
      refused.once("close", resolve);
    });
    proxy.setRate(1e9);
    proxy.accept();
    expect((await fetchThrough()).byteLength).toBe(payload.byteLength);
  });
});
