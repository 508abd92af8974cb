import { once } from "node:events";
import { createServer, request, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface BusyGateway extends AsyncDisposable {
  readonly url: string;
  /** Requests that came, by method and what they are about: `PUT blobs`, `GET stages`, … and how many got 503. */
  readonly counts: ReadonlyMap<string, number>;
  readonly refused: number;
}

/**
 * A real HTTP proxy in front of an S3 gateway that answers 503 SlowDown to each request whose number `every` divides,
 * without passing it on; half of them after their body was read, as a gateway that gives up late.
 */
export async function busyGateway(endpoint: string, every: number): Promise<BusyGateway> {
  const counts = new Map<string, number>();
  let number = 0;
  let refused = 0;
  const serve = (incoming: IncomingMessage, answer: ServerResponse): void => {
    const kind = `${incoming.method} ${incoming.url?.split("?")[0]?.split("/")[3] ?? ""}`;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    if (++number % every === 0) {
      refused++;
      const slowDown = (): void => {
        answer.writeHead(503, { "content-type": "application/xml", connection: "close" });
        answer.end(
          "<?xml version='1.0'?><Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>",
        );
      };
      if (refused % 2 === 0) slowDown();
      else incoming.on("end", slowDown).resume();
      return;
    }
    const target = new URL(incoming.url ?? "/", endpoint);
    // The Host header is signed: it stays as the client wrote it.
    const outgoing = request(target, { method: incoming.method, headers: incoming.headers }, (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(answer);
    });
    outgoing.on("error", () => answer.destroy());
    incoming.pipe(outgoing);
  };
  const server = createServer(serve).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    counts,
    get refused() {
      return refused;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
