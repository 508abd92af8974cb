import { once } from "node:events";
import { createServer, request, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface GatewayProxy extends AsyncDisposable {
  readonly url: string;
}

/**
 * A real HTTP proxy in front of an S3 gateway.
 * @param serve answers a request itself, or lets it `pass` unchanged; what it throws breaks the connection
 */
export async function gatewayProxy(
  endpoint: string,
  serve: (incoming: IncomingMessage, answer: ServerResponse, pass: () => void) => void | Promise<void>,
): Promise<GatewayProxy> {
  const pass = (incoming: IncomingMessage, answer: ServerResponse): void => {
    const target = new URL(incoming.url ?? "/", endpoint);
    // The Host header is signed: it stays as the client wrote it.
    const outgoing = request(target, { method: incoming.method, headers: incoming.headers }, (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(answer);
    });
    outgoing.on("error", () => answer.destroy());
    incoming.pipe(outgoing);
  };
  const server = createServer((incoming, answer) => {
    void (async () => await serve(incoming, answer, () => pass(incoming, answer)))().catch(() => answer.destroy());
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
