import { createConnection } from "node:net";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { access } from "../auth/index.ts";
import { ALREADY_SENT, eventStream, sseFrame, type HttpRoute } from "./index.ts";
import { closeServers, serve } from "./testing/serving.ts";

closeServers();

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
