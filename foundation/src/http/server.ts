import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { getRequestListener, type HttpBindings } from "@hono/node-server";
import type { Hono } from "hono";
import { UserError } from "../errors/index.ts";
import { formatAddress, type Address } from "../config/index.ts";
import type { Logger } from "../telemetry/index.ts";
import { ALREADY_SENT, type HttpEnv } from "./route.ts";
import { watchForStalls } from "./stall-watch.ts";

export interface HttpLimits {
  /** All header lines of a request together. */
  readonly headerBytes: number;
  /** From connect, or from the request before, to the end of the headers. */
  readonly headersTimeoutMs: number;
  /** Without one byte in a body that we wait for, or in a response that the client does not take. */
  readonly stallTimeoutMs: number;
  readonly maximumConnections: number;
}

export const defaultLimits: HttpLimits = {
  headerBytes: 32 * 1024,
  headersTimeoutMs: 15_000,
  stallTimeoutMs: 60_000,
  maximumConnections: 20_000,
};

export interface RunningServer {
  /** `http://127.0.0.1:8080`, with the address that a client on this machine can use. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly server: Server;
  /** Takes no new requests, ends event streams, lets running requests finish, then returns. */
  close(): Promise<void>;
}

const drainSignals = new WeakMap<Socket, AbortSignal>();

/** Aborts when the server of this connection begins to shut down. */
export function drainSignalOf(socket: Socket): AbortSignal | undefined {
  return drainSignals.get(socket);
}

/**
 * An answer given before the request's body was read (401, 413) must still reach a client that is busy sending: take
 * and drop a bounded rest for a bounded time, then close. Closing at once would reset the connection under the answer.
 */
function lingerAfterEarlyAnswer(incoming: IncomingMessage, outgoing: ServerResponse): void {
  outgoing.once("finish", () => {
    if (incoming.complete || incoming.destroyed) return;
    let dropped = 0;
    const end = setTimeout(() => incoming.socket.destroy(), 2000);
    incoming.on("data", (chunk: Buffer) => {
      dropped += chunk.byteLength;
      if (dropped > 8 * 1024 * 1024) incoming.socket.destroy();
    });
    incoming.once("close", () => clearTimeout(end));
    incoming.resume();
  });
}

function listen(server: Server, address: Address): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const where = formatAddress(address);
      if (error.code === "EADDRINUSE") {
        reject(
          new UserError(
            `${where} is already in use`,
            "End the program that listens there, or choose another address.",
            { cause: error },
          ),
        );
      } else if (error.code === "EACCES") {
        reject(
          new UserError(`may not listen on ${where}`, "Ports below 1024 need extra rights: choose a higher one.", {
            cause: error,
          }),
        );
      } else reject(new UserError(`cannot listen on ${where}: ${error.message}`, undefined, { cause: error }));
    });
    server.listen({ port: address.port, ...(address.host === "" ? {} : { host: address.host }) }, resolve);
  });
}

export interface ListenOptions {
  readonly address: Address;
  readonly log: Logger;
  readonly limits?: Partial<HttpLimits>;
  readonly drainTimeoutMs?: number;
}

/** Listens on `address` and serves `app`. */
export function startServer(options: ListenOptions & { readonly app: Hono<HttpEnv> }): Promise<RunningServer> {
  const { fetch } = options.app;
  // A handler that wrote its answer itself is done, whatever hono makes of what it returned (for HEAD: another response).
  const answer = async (request: Request, bindings: HttpBindings): Promise<Response> => {
    const response = await fetch(request, bindings);
    return bindings.outgoing.writableEnded ? ALREADY_SENT : response;
  };
  const handle = getRequestListener((request, bindings) => answer(request, bindings as HttpBindings), {
    autoCleanupIncoming: false,
  });
  return startListener({ ...options, listener: (incoming, outgoing) => void handle(incoming, outgoing) });
}

/** The same for a listener that answers each request by itself: what a busy route is served with, without hono. */
export async function startListener(
  options: ListenOptions & { readonly listener: RequestListener },
): Promise<RunningServer> {
  const { listener } = options;
  const limits = { ...defaultLimits, ...options.limits };
  const draining = new AbortController();
  const server = createServer(
    {
      maxHeaderSize: limits.headerBytes,
      headersTimeout: limits.headersTimeoutMs,
      // A deadline on the whole request would kill large layers on slow links; stalls are watched instead.
      requestTimeout: 0,
      keepAliveTimeout: 65_000,
      connectionsCheckingInterval: Math.min(5000, limits.headersTimeoutMs),
      noDelay: true,
    },
    (incoming, outgoing) => {
      if (draining.signal.aborted) outgoing.setHeader("connection", "close");
      lingerAfterEarlyAnswer(incoming, outgoing);
      stalls.watch(incoming, outgoing);
      listener(incoming, outgoing);
    },
  );
  server.maxConnections = limits.maximumConnections;
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    drainSignals.set(socket, draining.signal);
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  const stalls = watchForStalls({ timeoutMs: limits.stallTimeoutMs, log: options.log });
  try {
    await listen(server, options.address);
  } catch (error) {
    stalls.close();
    throw error;
  }
  server.on("error", (error) => options.log.error({ err: error }, "HTTP server error"));
  const { address, port } = server.address() as AddressInfo;
  const host = address === "::" || address === "0.0.0.0" ? "127.0.0.1" : address;

  async function close(): Promise<void> {
    if (draining.signal.aborted) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    draining.abort();
    // Connections opened in advance, without a request, are not idle in Node's eyes and would be waited for.
    for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
    const idle = setInterval(() => server.closeIdleConnections(), 50);
    const deadline = setTimeout(() => {
      options.log.warn("requests still ran when the time to drain was over; closing their connections");
      server.closeAllConnections();
    }, options.drainTimeoutMs ?? 10_000);
    await closed;
    clearInterval(idle);
    clearTimeout(deadline);
    stalls.close();
  }

  return { url: `http://${formatAddress({ host, port })}`, host, port, server, close };
}
