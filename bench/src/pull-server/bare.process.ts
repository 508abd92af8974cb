/**
 * What the machine carries at most: a socket server that writes the same bytes to each of its readers, as much as they
 * take, or those readers, which look at nothing. No HTTP, no events, no reports.
 */
import { connect, createServer, type Socket } from "node:net";

interface Order {
  readonly write?: { readonly pieceBytes: number; readonly bufferBytes: number };
  readonly read?: { readonly port: number; readonly readers: number };
  readonly figures?: true;
}

let bytes = 0;

function write({ pieceBytes, bufferBytes }: NonNullable<Order["write"]>): void {
  const piece = Buffer.alloc(pieceBytes, "data: {}\n\n");
  const server = createServer((socket) => {
    const fill = (): void => {
      while (socket.writableLength < bufferBytes && !socket.destroyed) socket.write(piece);
    };
    socket.on("drain", fill);
    socket.on("error", () => socket.destroy());
    fill();
  });
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    process.send?.({ port: typeof address === "object" ? address?.port : undefined });
  });
}

async function read({ port, readers }: NonNullable<Order["read"]>): Promise<void> {
  const open = (): Promise<Socket> =>
    new Promise((resolve, reject) => {
      const socket = connect({ port, host: "127.0.0.1" });
      socket.on("data", (data: Buffer) => (bytes += data.length));
      socket.once("connect", () => resolve(socket));
      socket.once("error", reject);
    });
  await Promise.all(Array.from({ length: readers }, open));
  process.send?.({ started: true });
}

process.on("message", (order: Order) => {
  if (order.write !== undefined) write(order.write);
  if (order.read !== undefined) void read(order.read);
  if (order.figures === true) process.send?.({ figures: bytes });
});
process.on("disconnect", () => process.exit(0));
