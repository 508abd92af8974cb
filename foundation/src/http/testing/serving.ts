import { createConnection, type Socket } from "node:net";
import { afterEach } from "vitest";
import { access, openAuthenticator, type Authenticator } from "../../auth/index.ts";
import { createLogger, createRegistry } from "../../telemetry/index.ts";
import { createApp, metricsGroup, readJson, startServer } from "../index.ts";
import type { HttpLimits, HttpRoute, RouteGroup, RunningServer } from "../index.ts";

export const silentLog = createLogger({ level: "silent", name: "test" });
const running: RunningServer[] = [];

interface Options {
  readonly routes?: readonly HttpRoute[];
  readonly group?: Partial<RouteGroup>;
  readonly authenticator?: Authenticator;
  readonly hostGuard?: boolean;
  readonly limits?: Partial<HttpLimits>;
  readonly drainTimeoutMs?: number;
}

/** A server of the test that runs; it is closed after it, which `closeServers` sees to. */
export async function serve(options: Options): Promise<RunningServer> {
  const registry = createRegistry();
  const app = createApp({
    groups: [{ name: "test", routes: options.routes ?? [], ...options.group }, metricsGroup(registry)],
    authenticator: options.authenticator ?? openAuthenticator(),
    log: silentLog,
    registry,
    hostGuard: options.hostGuard ?? false,
  });
  const server = await startServer({
    app,
    address: { host: "127.0.0.1", port: 0 },
    log: silentLog,
    ...(options.limits === undefined ? {} : { limits: options.limits }),
    ...(options.drainTimeoutMs === undefined ? {} : { drainTimeoutMs: options.drainTimeoutMs }),
  });
  running.push(server);
  return server;
}

/** In each file that serves. */
export function closeServers(): void {
  afterEach(async () => {
    await Promise.all(running.splice(0).map((server) => server.close()));
  });
}

export const echo: HttpRoute = {
  method: "POST",
  path: "/echo",
  access: access.public,
  handler: async (c) => c.json({ got: await readJson(c, 1000) }),
};

/** Sends raw text and returns all that comes back until the server closes, or until `until` is seen. */
export async function raw(
  server: RunningServer,
  text: string,
  until?: string,
): Promise<{ answer: string; socket: Socket }> {
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
