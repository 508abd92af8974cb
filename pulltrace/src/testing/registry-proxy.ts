import { Agent, createServer, type IncomingMessage, request as httpRequest, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { setTimeout as delay } from "node:timers/promises";

/** What is asked of a registry. `reference` is a tag or a digest. */
export interface RegistryRequest {
  readonly method: string;
  readonly kind: "manifests" | "blobs" | "other";
  readonly repository: string;
  readonly reference: string;
  /** First byte that is asked for; above 0 when a download is taken up again. */
  readonly from: number;
}

/** What the proxy does instead of passing the answer on. */
export type Fault =
  | {
      readonly kind: "answer";
      readonly status: number;
      readonly headers?: Record<string, string>;
      readonly body?: string;
    }
  /** The connection is reset, or simply ends, when so many bytes of the blob were sent. */
  | { readonly kind: "cut"; readonly afterBytes: number; readonly end?: boolean }
  /** Every byte of the body is another one; length and headers stay. */
  | { readonly kind: "alter" }
  /** Nothing comes, and the connection stays open. */
  | { readonly kind: "hang" };

/** One answer with a body that went through the proxy. */
export interface Transfer extends RegistryRequest {
  readonly status: number;
  /** Bytes of the body that were handed to the client so far. */
  bytes: number;
  readonly openedAt: number;
  closedAt?: number;
}

/** Stands between containerd and a registry, knows what went over the wire, and breaks what it is told to. */
export interface RegistryProxy {
  /** `127.0.0.1:port` */
  readonly address: string;
  readonly transfers: readonly Transfer[];
  /** Requests that were answered by a fault. */
  readonly faults: number;
  /** Bytes of a blob that the client got: from its first byte on, whatever the number of requests. */
  bytesOf(digest: string): number;
  /** Bytes per second of all bodies together. */
  setRate(bytesPerSecond: number): void;
  setFault(choose: (request: RegistryRequest) => Fault | undefined): void;
  close(): Promise<void>;
}

const sliceMs = 20;
const pieceBytes = 16 * 1024;

export async function startRegistryProxy(options: {
  readonly target: { readonly host: string; readonly port: number };
  readonly bytesPerSecond: number;
  /** PEM; the proxy then speaks HTTPS. */
  readonly tls?: { readonly key: string; readonly cert: string };
}): Promise<RegistryProxy> {
  const upstream = new Agent({ keepAlive: true });
  const transfers: Transfer[] = [];
  let rate = options.bytesPerSecond;
  let choose: (request: RegistryRequest) => Fault | undefined = () => undefined;
  let faults = 0;
  let freeAt = performance.now();

  /** All bodies wait in one row: each piece takes the link for the time that it needs. */
  const passage = async (bytes: number) => {
    const stands = () => rate <= 0;
    while (stands()) await delay(sliceMs);
    freeAt = Math.max(freeAt, performance.now()) + (bytes / rate) * 1000;
    const wait = freeAt - performance.now();
    if (wait > sliceMs) await delay(wait);
  };

  const pass = async (asked: RegistryRequest, answer: IncomingMessage, response: ServerResponse, fault?: Fault) => {
    const transfer: Transfer = { ...asked, status: answer.statusCode ?? 0, bytes: 0, openedAt: Date.now() };
    transfers.push(transfer);
    const gone = closed(response);
    try {
      for await (const chunk of answer as AsyncIterable<Buffer>) {
        for (let start = 0; start < chunk.byteLength; start += pieceBytes) {
          const piece = chunk.subarray(start, start + pieceBytes);
          if (fault?.kind === "cut" && asked.from + transfer.bytes + piece.byteLength > fault.afterBytes) {
            faults += 1;
            if (fault.end === true) response.destroy();
            else response.socket?.resetAndDestroy();
            return;
          }
          await passage(piece.byteLength);
          if (response.destroyed) return;
          const sent = fault?.kind === "alter" ? Buffer.from(piece.map((byte) => byte ^ 0xff)) : piece;
          if (!response.write(sent)) await Promise.race([drained(response), gone]);
          transfer.bytes += piece.byteLength;
        }
      }
      response.end();
    } finally {
      transfer.closedAt = Date.now();
      answer.destroy();
    }
  };

  const serve = (request: IncomingMessage, response: ServerResponse) => {
    const asked = readRequest(request);
    const fault = choose(asked);
    response.on("error", () => undefined);
    if (fault?.kind === "hang") {
      faults += 1;
      return;
    }
    if (fault?.kind === "answer") {
      faults += 1;
      response.writeHead(fault.status, fault.headers).end(fault.body ?? "");
      return;
    }
    if (fault?.kind === "alter") faults += 1;
    const forwarded = httpRequest(
      { ...options.target, agent: upstream, method: request.method, path: request.url, headers: request.headers },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        response.flushHeaders();
        if (request.method === "HEAD") {
          answer.resume();
          response.end();
        } else pass(asked, answer, response, fault).catch(() => response.destroy());
      },
    );
    forwarded.on("error", () => response.destroy());
    request.pipe(forwarded);
  };
  const server = options.tls === undefined ? createServer(serve) : createTlsServer(options.tls, serve);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the proxy has no port");
  return {
    address: `127.0.0.1:${address.port}`,
    transfers,
    get faults() {
      return faults;
    },
    bytesOf(digest) {
      const own = transfers.filter((one) => one.kind === "blobs" && one.reference === digest && one.status < 300);
      return Math.max(0, ...own.map((one) => one.from + one.bytes));
    },
    setRate(bytesPerSecond) {
      rate = bytesPerSecond;
      freeAt = performance.now();
    },
    setFault(next) {
      choose = next;
    },
    close() {
      upstream.destroy();
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function readRequest(request: IncomingMessage): RegistryRequest {
  const path = /^\/v2\/(.+)\/(manifests|blobs)\/([^/?]+)/.exec(request.url ?? "");
  const kind = path?.[2] === "manifests" || path?.[2] === "blobs" ? path[2] : "other";
  return {
    method: request.method ?? "GET",
    kind,
    repository: path?.[1] ?? "",
    reference: path?.[3] ?? "",
    from: Number(/^bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0),
  };
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => response.once("drain", () => resolve()));
}

function closed(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => response.once("close", () => resolve()));
}
