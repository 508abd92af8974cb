import { describe, expect, it } from "vitest";
import { access } from "../auth/index.ts";
import { type HttpRoute } from "./index.ts";
import { closeServers, echo, raw, serve } from "./testing/serving.ts";

closeServers();

describe("requests", () => {
  it("answers unknown paths and methods with problem+json, and says which methods there are", async () => {
    const { url } = await serve({ routes: [echo] });
    const missing = await fetch(`${url}/nothing`);
    expect(missing.status).toBe(404);
    expect(missing.headers.get("content-type")).toBe("application/problem+json");
    expect(missing.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
    const wrong = await fetch(`${url}/echo`, { method: "PUT", body: "{}" });
    expect(wrong.status).toBe(405);
    expect(wrong.headers.get("allow")).toBe("POST");
  });

  it("keeps a caller's request id only when it is a plain word", async () => {
    const { url } = await serve({ routes: [echo] });
    const kept = await fetch(url, { headers: { "x-request-id": "abc-1" } });
    expect(kept.headers.get("x-request-id")).toBe("abc-1");
    const replaced = await fetch(url, { headers: { "x-request-id": "<script>" } });
    expect(replaced.headers.get("x-request-id")).not.toContain("<");
  });

  it("tells a caller nothing of an internal error", async () => {
    const broken: HttpRoute = {
      method: "GET",
      path: "/broken",
      access: access.public,
      handler: () => {
        throw new Error("password is hunter2");
      },
    };
    const { url } = await serve({ routes: [broken] });
    const response = await fetch(`${url}/broken`);
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("hunter2");
  });

  it.each([
    ["malformed", "{", 400],
    ["not UTF-8", Buffer.from([0x22, 0xff, 0x22]), 400],
    ["deeply nested", "[".repeat(500) + "]".repeat(500), 400],
    ["too large", JSON.stringify("x".repeat(2000)), 413],
  ])("refuses a %s body with its status", async (_, body, status) => {
    const { url } = await serve({ routes: [echo] });
    const response = await fetch(`${url}/echo`, {
      method: "POST",
      body,
      headers: { "content-type": "application/json" },
    });
    expect(response.status).toBe(status);
  });

  it("refuses a body that says it is something else", async () => {
    const { url } = await serve({ routes: [echo] });
    expect(
      (await fetch(`${url}/echo`, { method: "POST", body: "a=1", headers: { "content-type": "text/plain" } })).status,
    ).toBe(415);
  });

  it("answers an over-long body before it has been sent, and lives on", async () => {
    const server = await serve({ routes: [echo] });
    const { answer, socket } = await raw(
      server,
      "POST /echo HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 900000000000\r\n\r\n",
      "413",
    );
    socket.destroy();
    expect(answer).toContain("HTTP/1.1 413");
    expect(
      (
        await fetch(`${server.url}/echo`, {
          method: "POST",
          body: "1",
          headers: { "content-type": "application/json" },
        })
      ).status,
    ).toBe(200);
  });

  it.each([
    [
      "an absurd Content-Length",
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n",
      "400",
    ],
    [
      "two different lengths",
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
      "400",
    ],
    ["headers over the limit", `GET / HTTP/1.1\r\nHost: a\r\nX-Long: ${"x".repeat(40_000)}\r\n\r\n`, "431"],
    ["something that is not HTTP", "\u0016\u0003\u0001 hello\r\n\r\n", "400"],
  ])("answers %s and closes", async (_, text, status) => {
    const server = await serve({ routes: [echo] });
    const { answer } = await raw(server, text);
    expect(answer).toContain(`HTTP/1.1 ${status}`);
  });
});
