import { describe, expect, it } from "vitest";
import { access, openAuthenticator } from "../auth/index.ts";
import { createApp, healthGroup, type HttpRoute } from "./index.ts";
import { closeServers, serve, silentLog as log } from "./testing/serving.ts";

closeServers();

describe("health and metrics", () => {
  it("names the dependency that is down, and still answers when one hangs", async () => {
    const app = createApp({
      groups: [
        healthGroup([
          { name: "good", check: () => Promise.resolve() },
          { name: "open", check: () => Promise.resolve({ warning: "runs without authentication" }) },
          { name: "bad", check: () => Promise.reject(new Error("connection refused")) },
        ]),
      ],
      authenticator: openAuthenticator(),
      log,
    });
    const response = await app.request("/readyz");
    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({
      status: "failed",
      checks: [
        { name: "good", status: "ok" },
        { name: "open", status: "warning", detail: "runs without authentication" },
        { name: "bad", status: "failed", detail: "connection refused" },
      ],
    });
    expect((await app.request("/healthz")).status).toBe(200);
  });

  it("counts requests by route pattern, never by path", async () => {
    const route: HttpRoute = {
      method: "GET",
      path: "/things/:name{.+}",
      access: access.public,
      handler: (c) => c.text("x"),
    };
    const { url } = await serve({ routes: [route] });
    await (await fetch(`${url}/things/a/b/c`)).text();
    // Counted when the answer has gone out, which its reader may see before.
    await expect
      .poll(async () => (await fetch(`${url}/metrics`)).text())
      .toContain('waybill_http_requests_total{group="test",method="GET",route="/things/:name{.+}",status="200"} 1');
  });
});
