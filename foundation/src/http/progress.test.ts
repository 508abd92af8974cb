import { createConnection } from "node:net";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { access } from "../auth/index.ts";
import { answerAtOnce, type HttpRoute } from "./index.ts";
import { closeServers, echo, raw, serve } from "./testing/serving.ts";

closeServers();

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
    // Longer in all than a stall may last; a pause may be ten times as long as meant on a busy machine.
    const server = await serve({ routes: [echo], limits: { stallTimeoutMs: 3_000 } });
    const socket = createConnection({ host: server.host, port: server.port });
    let answer = "";
    socket.setEncoding("utf8").on("data", (chunk: string) => (answer += chunk));
    socket.write("POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 12\r\n\r\n");
    for (const character of '"0123456789"') {
      await sleep(300);
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
