import { createConnection, type Socket } from "node:net";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { access, createTokenAuthority, openAuthenticator, type Authenticator } from "../auth/index.ts";
import { createLogger, createRegistry } from "../telemetry/index.ts";
import {
  ALREADY_SENT,
  answerAtOnce,
  createApp,
  eventStream,
  healthGroup,
  metricsGroup,
  readJson,
  sessionCookie,
  sseFrame,
  startServer,
} from "./index.ts";
import type { HttpLimits, HttpRoute, RouteGroup, RunningServer } from "./index.ts";

const log = createLogger({ level: "silent", name: "test" });
const key = new Uint8Array(32).fill(7);
const running: RunningServer[] = [];

interface Options {
  readonly routes?: readonly HttpRoute[];
  readonly group?: Partial<RouteGroup>;
  readonly authenticator?: Authenticator;
  readonly hostGuard?: boolean;
  readonly limits?: Partial<HttpLimits>;
  readonly drainTimeoutMs?: number;
}

async function serve(options: Options): Promise<RunningServer> {
  const registry = createRegistry();
  const app = createApp({
    groups: [{ name: "test", routes: options.routes ?? [], ...options.group }, metricsGroup(registry)],
    authenticator: options.authenticator ?? openAuthenticator(),
    log,
    registry,
    hostGuard: options.hostGuard ?? false,
  });
  const server = await startServer({
    app,
    address: { host: "127.0.0.1", port: 0 },
    log,
    ...(options.limits === undefined ? {} : { limits: options.limits }),
    ...(options.drainTimeoutMs === undefined ? {} : { drainTimeoutMs: options.drainTimeoutMs }),
  });
  running.push(server);
  return server;
}

const echo: HttpRoute = {
  method: "POST",
  path: "/echo",
  access: access.public,
  handler: async (c) => c.json({ got: await readJson(c, 1000) }),
};

/** Sends raw text and returns all that comes back until the server closes, or until `until` is seen. */
async function raw(server: RunningServer, text: string, until?: string): Promise<{ answer: string; socket: Socket }> {
  const socket = createConnection({ host: server.host, port: server.port });
  socket.on("error", () => undefined);
  let answer = "";
  socket.setEncoding("utf8");
  socket.write(text);
  await new Promise<void>((resolve) => {
    socket.on("data", (chunk: string) => {
      answer += chunk;
      if (until !== undefined && answer.includes(until)) resolve();
    });
    socket.once("close", () => resolve());
  });
  return { answer, socket };
}

afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close()));
});

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

describe("time without progress", () => {
  it("closes a connection whose headers never end", async () => {
    const server = await serve({ routes: [echo], limits: { headersTimeoutMs: 200 } });
    const { answer } = await raw(server, "POST /echo HTTP/1.1\r\nHost: a\r\n");
    expect(answer).toMatch(/^(HTTP\/1\.1 408|$)/);
  });

  it("closes a connection whose body stops", async () => {
    const server = await serve({ routes: [echo], limits: { stallTimeoutMs: 200 } });
    const { answer } = await raw(server, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n[");
    expect(answer).toContain("HTTP/1.1 408");
  });

  it("lets a body that flows slowly take as long as it needs", async () => {
    const server = await serve({ routes: [echo], limits: { stallTimeoutMs: 300 } });
    const socket = createConnection({ host: server.host, port: server.port });
    let answer = "";
    socket.setEncoding("utf8").on("data", (chunk: string) => (answer += chunk));
    socket.write("POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 12\r\n\r\n");
    for (const character of '"0123456789"') {
      await sleep(100);
      socket.write(character);
    }
    await once(socket, "close");
    expect(answer).toContain('{"got":"0123456789"}');
  });

  it("leaves a handler that takes its time alone", async () => {
    const slow: HttpRoute = {
      method: "GET",
      path: "/slow",
      access: access.public,
      handler: async (c) => {
        await sleep(700);
        return c.text("done");
      },
    };
    const { url } = await serve({ routes: [slow], limits: { stallTimeoutMs: 200 } });
    expect(await (await fetch(`${url}/slow`)).text()).toBe("done");
  });

  it("lets a handler write its answer itself, to HEAD too, and the connection goes on", async () => {
    const content = Buffer.from("at once");
    const direct: HttpRoute = {
      method: "GET",
      path: "/direct",
      access: access.public,
      handler: (c) => {
        const headers = { "content-type": "text/plain", "content-length": String(content.byteLength) };
        return answerAtOnce(c, 200, headers, c.req.method === "HEAD" ? undefined : content);
      },
    };
    const server = await serve({ routes: [direct] });
    const requests = "HEAD /direct HTTP/1.1\r\nHost: localhost\r\n\r\nGET /direct HTTP/1.1\r\nHost: localhost\r\n\r\n";
    const { answer, socket } = await raw(server, requests, "at once");
    socket.destroy();
    expect(answer.match(/HTTP\/1.1 200 OK\r\n/g)).toHaveLength(2);
    expect(answer.match(/content-length: 7\r\n/g)).toHaveLength(2);
    expect(answer.match(/x-request-id: /g)).toHaveLength(2);
    expect(answer.match(/at once/g)).toHaveLength(1);
  });
});

describe("who may enter", () => {
  const authority = createTokenAuthority({ key });
  const routes: HttpRoute[] = [
    { method: "GET", path: "/all", access: access.everyone, handler: (c) => c.json(c.var.principal) },
    { method: "POST", path: "/all", access: access.everyone, handler: (c) => c.text("changed") },
    { method: "GET", path: "/operators", access: access.operators, handler: (c) => c.text("in") },
    { method: "POST", path: "/agent", access: access.agent, handler: (c) => c.text("in") },
  ];
  const secured = { routes, authenticator: authority.authenticator, group: { agentToken: "agent-secret" } };

  it("refuses strangers and says how to prove who one is", async () => {
    const { url } = await serve(secured);
    const response = await fetch(`${url}/all`);
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toBe("Bearer");
    expect((await fetch(`${url}/all`, { headers: { authorization: "Bearer nonsense" } })).status).toBe(401);
  });

  it("takes a token as Bearer, as the password of Basic, and as cookie for reads only", async () => {
    const { url } = await serve(secured);
    const { token } = await authority.issue({ subject: "ann", roles: ["readOnly"], tenant: "team-a", ttlSeconds: 60 });
    const basic = `Basic ${Buffer.from(`any:${token}`).toString("base64")}`;
    const cookie = sessionCookie(token, { maxAgeSeconds: 60, secure: false }).split(";")[0] ?? "";
    expect((await fetch(`${url}/all`, { headers: { authorization: `Bearer ${token}` } })).status).toBe(200);
    expect((await fetch(`${url}/all`, { headers: { authorization: basic } })).status).toBe(200);
    expect((await fetch(`${url}/all`, { headers: { cookie } })).status).toBe(200);
    expect((await fetch(`${url}/all`, { method: "POST", headers: { cookie } })).status).toBe(401);
  });

  it("refuses a role that the route does not name", async () => {
    const { url } = await serve(secured);
    const { token } = await authority.issue({ subject: "ann", roles: ["readOnly"], tenant: "team-a", ttlSeconds: 60 });
    expect((await fetch(`${url}/operators`, { headers: { authorization: `Bearer ${token}` } })).status).toBe(403);
  });

  it("opens agent routes to the agent token alone", async () => {
    const { url } = await serve(secured);
    const { token } = await authority.issue({ subject: "root", roles: ["admin"], ttlSeconds: 60 });
    const as = async (bearer: string): Promise<number> =>
      (await fetch(`${url}/agent`, { method: "POST", headers: { authorization: `Bearer ${bearer}` } })).status;
    expect(await as("agent-secret")).toBe(200);
    expect(await as("agent-secreT")).toBe(401);
    expect(await as(token)).toBe(401);
  });

  it("without authentication, refuses foreign host names and changes from other sites", async () => {
    const server = await serve({ routes, hostGuard: true });
    const rebound = await raw(server, "GET /all HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n");
    expect(rebound.answer).toContain("HTTP/1.1 403");
    const crossSite = await fetch(`${server.url}/all`, { method: "POST", headers: { "sec-fetch-site": "cross-site" } });
    expect(crossSite.status).toBe(403);
    expect((await fetch(`${server.url}/all`)).status).toBe(200);
  });
});

describe("shutdown", () => {
  it("lets a running request finish, ends event streams, and takes no new connection", async () => {
    let closedStreams = 0;
    const { promise: entered, resolve: enter } = Promise.withResolvers<void>();
    const routes: HttpRoute[] = [
      {
        method: "GET",
        path: "/slow",
        access: access.public,
        handler: async (c) => {
          enter();
          await sleep(300);
          return c.text("finished");
        },
      },
      {
        method: "GET",
        path: "/stream",
        access: access.public,
        handler: (c) => {
          const stream = eventStream(c, { onClose: () => closedStreams++ });
          stream.send(sseFrame({ id: "1", data: "a\nb" }));
          return stream.response;
        },
      },
    ];
    const server = await serve({ routes });
    const stream = await fetch(`${server.url}/stream`);
    const slow = fetch(`${server.url}/slow`);
    await entered;
    await server.close();
    expect(await (await slow).text()).toBe("finished");
    expect(await stream.text()).toContain("id: 1\ndata: a\ndata: b\n\n");
    expect(closedStreams).toBe(1);
    await expect(fetch(`${server.url}/slow`)).rejects.toThrow();
  });

  it("does not wait for a connection that never sent a request", async () => {
    const server = await serve({ drainTimeoutMs: 60_000 });
    const socket = createConnection({ host: server.host, port: server.port });
    await once(socket, "connect");
    await fetch(`${server.url}/any`);
    const gone = once(socket, "close");
    await server.close();
    expect(await gone).toEqual([false]);
  });

  it("does not wait for ever", async () => {
    const hung: HttpRoute = {
      method: "GET",
      path: "/hung",
      access: access.public,
      handler: (c) => {
        c.env.outgoing.writeHead(200).write("begun");
        return ALREADY_SENT;
      },
    };
    const server = await serve({ routes: [hung], drainTimeoutMs: 100 });
    const response = await fetch(`${server.url}/hung`);
    await server.close();
    await expect(response.text()).rejects.toThrow();
  });
});

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
    await sleep(20);
    const text = await (await fetch(`${url}/metrics`)).text();
    expect(text).toContain(
      'waybill_http_requests_total{group="test",method="GET",route="/things/:name{.+}",status="200"} 1',
    );
  });
});
