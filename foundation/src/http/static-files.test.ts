import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliCompressSync, gunzipSync } from "node:zlib";
import type { Hono } from "hono";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openAuthenticator } from "../auth/index.ts";
import { createLogger } from "../telemetry/index.ts";
import { createApp, staticGroup, type HttpEnv } from "./index.ts";

const page = "<!doctype html><title>page</title>";
const script = "console.log(1);".repeat(100);
let folder: string;
let app: Hono<HttpEnv>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "waybill-static-"));
  const site = join(folder, "site");
  await mkdir(join(site, "assets"), { recursive: true });
  await writeFile(join(folder, "secret.txt"), "secret");
  await symlink(join(folder, "secret.txt"), join(site, "link.txt"));
  await writeFile(join(site, "index.html"), page);
  await writeFile(join(site, "assets/index-AbCdEf12.js"), script);
  await writeFile(join(site, "assets/index-AbCdEf12.js.br"), brotliCompressSync(script));
  const group = await staticGroup({ directory: site, spaFallback: true, contentSecurityPolicy: "default-src 'self'" });
  app = createApp({
    groups: [group, { name: "api", routes: [], notFoundPrefix: "/api/" }],
    authenticator: openAuthenticator(),
    log: createLogger({ level: "silent", name: "test" }),
  });
});
afterAll(() => rm(folder, { recursive: true }));

describe("the files of a page", () => {
  it("carry type, policy and an entity tag, and are not sent again to whoever has them", async () => {
    const response = await app.request("/");
    expect(await response.text()).toBe(page);
    expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(response.headers.get("content-security-policy")).toBe("default-src 'self'");
    expect(response.headers.get("cache-control")).toBe("no-cache");
    const etag = response.headers.get("etag") ?? "";
    const again = await app.request("/", { headers: { "if-none-match": etag } });
    expect(again.status).toBe(304);
    expect(await again.text()).toBe("");
  });

  it("with a hash in their name may be kept for ever, and travel compressed where that is accepted", async () => {
    const path = "/assets/index-AbCdEf12.js";
    const brotli = await app.request(path, { headers: { "accept-encoding": "gzip, br" } });
    expect(brotli.headers.get("content-encoding")).toBe("br");
    expect(brotli.headers.get("cache-control")).toContain("immutable");
    const gzip = await app.request(path, { headers: { "accept-encoding": "gzip" } });
    expect(gunzipSync(await gzip.arrayBuffer()).toString()).toBe(script);
    expect(gzip.headers.get("vary")).toBe("accept-encoding");
    expect(await (await app.request(path)).text()).toBe(script);
  });

  it("are all there is: no path and no link leads out of the folder", async () => {
    for (const path of [
      "/../secret.txt",
      "/%2e%2e/secret.txt",
      "/..%2fsecret.txt",
      "/link.txt",
      "/assets/../../secret.txt",
    ]) {
      const response = await app.request(path);
      expect([path, response.status]).toEqual([path, 404]);
    }
  });

  it("unknown paths get the page when a browser asks for one, and an error otherwise or under an API", async () => {
    const asBrowser = { headers: { accept: "text/html,*/*" } };
    expect(await (await app.request("/nodes", asBrowser)).text()).toBe(page);
    expect((await app.request("/nodes")).status).toBe(404);
    expect((await app.request("/api/nothing", asBrowser)).status).toBe(404);
    expect((await app.request("/nodes", { ...asBrowser, method: "POST" })).status).toBe(404);
  });
});
