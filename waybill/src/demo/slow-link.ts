import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

/** So many bytes at a time take their turn: connections share the link evenly, and bars move smoothly. */
const pieceBytes = 16 * 1024;

export interface SlowLink {
  /** `127.0.0.1:port`: what to connect to instead of the target. */
  readonly address: string;
  close(): Promise<void>;
}

/** Lets at most `bytesPerSecond` pass: each taker is told to wait until the takers before it are through. */
function turnstile(bytesPerSecond: number): (bytes: number) => Promise<void> {
  let freeAt = 0;
  return async (bytes) => {
    const now = performance.now();
    freeAt = Math.max(now, freeAt) + (bytes / bytesPerSecond) * 1000;
    await delay(freeAt - now);
  };
}

/** A proxy in front of a server on this machine; all connections together receive at most `bytesPerSecond`. */
export async function startSlowLink(target: { host: string; port: number }, bytesPerSecond: number): Promise<SlowLink> {
  const pass = turnstile(bytesPerSecond);
  const open = new Set<Socket>();

  async function carry(from: Socket, to: Socket): Promise<void> {
    for await (const chunk of from as AsyncIterable<Buffer>) {
      for (let at = 0; at < chunk.length; at += pieceBytes) {
        const piece = chunk.subarray(at, at + pieceBytes);
        await pass(piece.length);
        if (!to.writable) return;
        if (!to.write(piece)) await new Promise((resolve) => to.once("drain", resolve).once("close", resolve));
      }
    }
    to.end();
  }

  const server = createServer({ allowHalfOpen: true }, (client) => {
    const upstream = connect({ ...target, allowHalfOpen: true });
    const cut = (): void => {
      client.destroy();
      upstream.destroy();
      open.delete(client);
    };
    open.add(client);
    for (const socket of [client, upstream]) socket.once("error", cut);
    client.once("close", cut);
    client.pipe(upstream);
    carry(upstream, client).catch(cut);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}
