import { gatewayProxy, type GatewayProxy } from "./gateway-proxy.ts";

export interface BusyGateway extends GatewayProxy {
  /** Requests that came, by method and what they are about: `PUT blobs`, `GET stages`, … and how many got 503. */
  readonly counts: ReadonlyMap<string, number>;
  readonly refused: number;
}

/**
 * A proxy in front of an S3 gateway that answers 503 SlowDown to each request whose number `every` divides, without passing
 * it on; half of them after their body was read, as a gateway that gives up late.
 */
export async function busyGateway(endpoint: string, every: number): Promise<BusyGateway> {
  const counts = new Map<string, number>();
  let number = 0;
  let refused = 0;
  const proxy = await gatewayProxy(endpoint, (incoming, answer, pass) => {
    const kind = `${incoming.method} ${incoming.url?.split("?")[0]?.split("/")[3] ?? ""}`;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    if (++number % every !== 0) {
      pass();
      return;
    }
    refused++;
    const slowDown = (): void => {
      answer.writeHead(503, { "content-type": "application/xml", connection: "close" });
      answer.end(
        "<?xml version='1.0'?><Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>",
      );
    };
    if (refused % 2 === 0) slowDown();
    else incoming.on("end", slowDown).resume();
  });
  return {
    ...proxy,
    counts,
    get refused() {
      return refused;
    },
  };
}
