import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { connect, createServer as createTcpServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { until } from "../until.ts";

/** Where something of a test listens; goes when its owner's block ends. */
export interface Listening extends AsyncDisposable {
  readonly url: string;
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

async function listening(server: Server, host: string): Promise<number> {
  await new Promise<void>((done, fail) => {
    server.once("error", fail);
    server.listen(0, host, done);
  });
  return portOf(server);
}

/** Our own store, with authentication on and without a door for strangers: every pull without a login is refused. */
export async function closedRegistry(): Promise<Listening> {
  const folder = await mkdtemp(join(tmpdir(), "waybill-closed-registry-"));
  const launcher = resolve(import.meta.dirname, "../../../../bin/waybill");
  const address = ["--http", "127.0.0.1:0", "--metrics", "127.0.0.1:0"];
  const child = spawn(launcher, ["store", "serve", "--root", join(folder, "store"), ...address], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { PATH: process.env["PATH"] ?? "", JWT_SIGNING_KEY: "a key for tests, longer than thirty-two bytes" },
  });
  let printed = "";
  child.stdout.on("data", (chunk: Buffer) => (printed += chunk.toString()));
  const isReady = (): Promise<boolean> => {
    if (child.exitCode !== null) throw new Error(`the closed registry ended: ${printed}`);
    return Promise.resolve(printed.includes('"msg":"ready"'));
  };
  await until("the closed registry", isReady, { state: () => Promise.resolve(printed) });
  return {
    url: /"url":"([^"]+)"/.exec(printed)?.[1] ?? "",
    async [Symbol.asyncDispose]() {
      const gone = once(child, "exit");
      child.kill("SIGTERM");
      await gone;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A registry that has had enough of us: 429 in the words of Docker Hub, until `retryAfterSeconds` from then on. */
export async function limitedRegistry(retryAfterSeconds: number): Promise<Listening> {
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(429, { "content-type": "application/json", "retry-after": String(retryAfterSeconds) });
    const message = "You have reached your unauthenticated pull rate limit.";
    response.end(JSON.stringify({ errors: [{ code: "TOOMANYREQUESTS", message }] }));
  });
  const port = await listening(server, "127.0.0.1");
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

/** An address where nobody listens. */
export async function downRegistry(): Promise<string> {
  const server = createTcpServer();
  const port = await listening(server, "127.0.0.1");
  await new Promise((done) => server.close(done));
  return `http://127.0.0.1:${port}`;
}

/** Passes connections on to a server, and cuts all of them, again and again. */
export interface CutLine extends Listening {
  readonly host: string;
  readonly port: number;
  /** Connections that were cut so far. */
  readonly cuts: number;
}

/** @param host address that pods reach @param target `https://10.1.2.3:6443` */
export async function cutLine(host: string, target: string, everyMs: number): Promise<CutLine> {
  const to = new URL(target);
  const open = new Set<Socket>();
  let cuts = 0;
  const server = createTcpServer((client) => {
    const upstream = connect({ host: to.hostname, port: Number(to.port) });
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(socket);
      socket.once("error", () => other.destroy());
      socket.once("close", () => {
        open.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  const cut = (): void => {
    for (const socket of open) {
      cuts += 1;
      socket.resetAndDestroy();
    }
  };
  const port = await listening(server, host);
  const timer = setInterval(cut, everyMs);
  return {
    url: `https://${host}:${port}`,
    host,
    port,
    get cuts() {
      return cuts;
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      cut();
      await new Promise((done) => server.close(done));
    },
  };
}
