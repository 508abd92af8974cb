import { connect, createServer, type Server, type Socket } from "node:net";

export interface RateLimitedProxy {
  readonly port: number;
  /** `127.0.0.1:port` */
  readonly address: string;
  /** Bytes that went from the target to the clients since the start. */
  readonly bytes: number;
  readonly connections: number;
  /** Bytes per second from the target to all clients together; 0 stops the flow and keeps the connections. */
  setRate(bytesPerSecond: number): void;
  /** Cuts every connection with a reset, as a broken link does; new ones are taken unless `refuse`. */
  drop(options?: { refuse?: boolean }): void;
  accept(): void;
  close(): Promise<void>;
}

const tickMs = 20;
/** At most so much is saved up while nothing flows: short bursts, no leap after a pause. */
const burstMs = 100;

/**
 * A TCP proxy with one token bucket for all connections, in the direction target → client. It reads from the target
 * only what it may pass on, so that the target feels the slow link.
 */
export async function rateLimitedProxy(options: {
  target: { host: string; port: number };
  bytesPerSecond: number;
}): Promise<RateLimitedProxy> {
  let rate = options.bytesPerSecond;
  let tokens = 0;
  let filledAt = performance.now();
  let bytes = 0;
  let refusing = false;
  const lines = new Set<Line>();

  const server: Server = createServer({ allowHalfOpen: true }, (client) => {
    if (refusing) {
      client.resetAndDestroy();
      return;
    }
    const line = openLine(client, options.target);
    lines.add(line);
    client.once("close", () => lines.delete(line));
  });
  const timer = setInterval(() => {
    const now = performance.now();
    tokens = Math.min(tokens + (rate * (now - filledAt)) / 1000, Math.max((rate * burstMs) / 1000, 1));
    filledAt = now;
    // In turns, so that connections share the link evenly.
    let open = [...lines].filter((line) => line.ready());
    while (tokens >= 1 && open.length > 0) {
      const share = Math.max(1, Math.floor(tokens / open.length));
      for (const line of open) {
        const passed = line.pass(Math.min(share, Math.floor(tokens)));
        tokens -= passed;
        bytes += passed;
      }
      open = open.filter((line) => line.ready());
    }
  }, tickMs);

  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the proxy has no port");

  const drop = (refuse: boolean) => {
    refusing = refuse;
    for (const line of lines) line.cut();
  };
  return {
    port: address.port,
    address: `127.0.0.1:${address.port}`,
    get bytes() {
      return bytes;
    },
    get connections() {
      return lines.size;
    },
    setRate(bytesPerSecond) {
      rate = bytesPerSecond;
    },
    drop(how = {}) {
      drop(how.refuse ?? false);
    },
    accept() {
      refusing = false;
    },
    close() {
      clearInterval(timer);
      drop(true);
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

interface Line {
  ready(): boolean;
  pass(limit: number): number;
  cut(): void;
}

function openLine(client: Socket, target: { host: string; port: number }): Line {
  const upstream = connect(target);
  let waiting: Buffer = Buffer.alloc(0);
  let ended = false;
  client.pipe(upstream);
  upstream.on("data", (chunk: Buffer) => {
    waiting = waiting.byteLength === 0 ? chunk : Buffer.concat([waiting, chunk]);
    upstream.pause();
  });
  upstream.on("end", () => {
    ended = true;
    if (waiting.byteLength === 0) client.end();
  });
  const cut = () => {
    upstream.destroy();
    if (!client.destroyed) client.resetAndDestroy();
  };
  upstream.on("error", cut);
  client.on("error", cut);
  client.once("close", () => upstream.destroy());
  return {
    ready: () => waiting.byteLength > 0 && !client.writableNeedDrain && !client.destroyed,
    pass(limit) {
      const part = waiting.subarray(0, limit);
      waiting = waiting.subarray(part.byteLength);
      client.write(part);
      if (waiting.byteLength === 0) {
        if (ended) client.end();
        else upstream.resume();
      }
      return part.byteLength;
    },
    cut,
  };
}
