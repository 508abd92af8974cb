import { connect, createServer, type Socket } from "node:net";

/** Lets the nodes reach a server that listens where only the machine itself gets to. */
export interface Forwarder {
  readonly url: string;
  close(): Promise<void>;
}

/** @param target `http://127.0.0.1:41235` */
export async function forward(address: string, target: string): Promise<Forwarder> {
  const { hostname, port, protocol } = new URL(target);
  const targetPort = port === "" ? (protocol === "https:" ? 443 : 80) : Number(port);
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect({ host: hostname, port: targetPort });
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(socket);
      // A reset on one side is a reset on the other: a registry that goes away must look like one.
      socket.once("error", () => other.resetAndDestroy());
      socket.once("close", () => {
        open.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, address, resolve);
  });
  server.unref();
  const listening = server.address();
  if (listening === null || typeof listening === "string") throw new Error("the forwarder has no port");
  return {
    url: `http://${address}:${listening.port}`,
    close() {
      for (const socket of open) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
