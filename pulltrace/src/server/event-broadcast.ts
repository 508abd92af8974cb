import type { StreamEncoding } from "@waybill/foundation/http";
import { createEventChunks, type ChunkReader } from "./event-chunks.ts";
import type { EventRing } from "./event-ring.ts";
import { filterKey, type ReaderFilter } from "./reader-filter.ts";

/** The sending side of one client's connection; `eventStream` of foundation/http is one. */
export interface ClientConnection {
  readonly encoding: StreamEncoding;
  send(frame: string): boolean;
  /** Bytes in the connection's encoding. */
  sendEncoded(bytes: Uint8Array): boolean;
  /** Bytes that the client has not taken yet. */
  bufferedBytes(): number;
  close(): void;
}

interface Client {
  readonly connection: ClientConnection;
  readonly reader: ChunkReader;
  readonly connectedAt: number;
  /** Number of the last event that was sent or that the filter passed over. */
  position: number;
  /** The id that the client holds, as a number: behind `position` when the filter passed over the newest. */
  toldPosition: number;
}

export interface EventBroadcast {
  /** New events are in the ring: they go out within some milliseconds, many at a time. */
  notify(): void;
  /**
   * Sends what is overdue. To be called now and then by whoever keeps the process busy: while a thousand sockets are
   * ready at a time, Node takes up to 48 rounds of them before it looks at its timers.
   */
  catchUp(): void;
  /** Sends what comes after `position`, and goes on with what follows. Returns how to leave. */
  connect(connection: ClientConnection, filter: ReaderFilter, position: number): () => void;
  clients(): number;
  /** Different filters that are being followed. */
  filters(): number;
  /** Whether somebody follows with this filter already. */
  follows(filter: ReaderFilter): boolean;
  close(): void;
}

/** Events that reach a client together: one write for all of them. */
const shortestPauseMs = 20;
/** A write takes some 12 µs however little is in it: with very many clients a fifth of the time goes into that. */
const pausePerClientMs = 0.06;
const positionEveryMs = 10_000;
/** A stream ends after this time; its client comes back at once, with rights that are looked at anew. */
const longestStreamMs = 3_600_000;

/**
 * Sends the ring to everybody. A client is a position in the ring and nothing more: one that reads slowly stays behind
 * there instead of growing a buffer, and is let go (`onDrop`) when the ring has moved past it; it can then begin again
 * with a fresh list. Clients with the same filter share one encoding, also those that are behind (`event-chunks.ts`).
 */
export function createEventBroadcast(options: {
  readonly ring: EventRing;
  readonly clientBufferBytes: number;
  readonly onDrop: () => void;
  readonly now?: () => number;
}): EventBroadcast {
  const { ring, clientBufferBytes, onDrop } = options;
  const now = options.now ?? (() => performance.now());
  const chunks = createEventChunks(ring);
  const clients = new Set<Client>();
  /** How many clients follow with each filter. */
  const followers = new Map<string, number>();
  const enter = (client: Client): void => {
    clients.add(client);
    const { filterKey: followed } = client.reader;
    followers.set(followed, (followers.get(followed) ?? 0) + 1);
  };
  const leave = (client: Client): void => {
    if (!clients.delete(client)) return;
    const { filterKey: followed } = client.reader;
    const left = (followers.get(followed) ?? 1) - 1;
    if (left === 0) followers.delete(followed);
    else followers.set(followed, left);
  };
  let timer: NodeJS.Timeout | undefined;
  let dueAt = Number.POSITIVE_INFINITY;
  let lastFlushMs = 0;

  /** True when the client has everything, false when it is behind. */
  const feed = (client: Client): boolean => {
    while (client.position < ring.newest()) {
      if (client.position + 1 < ring.oldest()) {
        leave(client);
        onDrop();
        client.connection.close();
        return true;
      }
      if (client.connection.bufferedBytes() >= clientBufferBytes) return false;
      const chunk = chunks.after(client.position, client.reader);
      client.position = chunk.upTo;
      if (chunk.bytes === undefined) continue;
      client.toldPosition = chunk.last;
      client.connection.sendEncoded(chunk.bytes);
    }
    return true;
  };

  const schedule = (delayMs: number): void => {
    if (timer !== undefined) return;
    dueAt = now() + delayMs;
    timer = setTimeout(flush, delayMs);
    timer.unref();
  };
  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    const begun = now();
    let behind = 0;
    let passedBy = ring.newest();
    for (const { position } of clients) passedBy = Math.min(passedBy, position);
    chunks.passed(passedBy);
    for (const client of clients) if (!feed(client)) behind += 1;
    lastFlushMs = now() - begun;
    if (behind > 0) schedule(pause());
  };
  // A longer pause saves writes, and not a byte of what is written: after it there is only more to send. So it grows
  // with the clients, and otherwise leaves half of the time for reports: asked for more than that, what few clients of
  // everything are late would grow with each pause, until the ring has moved past them.
  const pause = (): number => Math.max(shortestPauseMs, lastFlushMs, clients.size * pausePerClientMs);

  /**
   * Tells readers how far the ring is when their filter passes everything over; else they would come back with an id
   * that is long gone. A message without data moves a browser's Last-Event-ID and is not seen by the page.
   */
  const tellPositions = (): void => {
    for (const client of clients) {
      if (now() - client.connectedAt > longestStreamMs) {
        leave(client);
        client.connection.close();
      } else if (client.position > client.toldPosition && client.connection.bufferedBytes() === 0) {
        client.toldPosition = client.position;
        client.connection.send(`id: ${ring.idOf(client.position)}\n\n`);
      }
    }
  };
  const positions = setInterval(tellPositions, positionEveryMs);
  positions.unref();

  return {
    notify() {
      if (clients.size > 0) schedule(pause());
    },
    catchUp() {
      if (timer !== undefined && now() > dueAt) flush();
    },
    connect(connection, filter, position) {
      const client: Client = {
        connection,
        reader: { filter, filterKey: filterKey(filter), encoding: connection.encoding },
        connectedAt: now(),
        position,
        toldPosition: position,
      };
      enter(client);
      connection.send(`id: ${ring.idOf(position)}\n\n`);
      if (!feed(client)) schedule(pause());
      return () => leave(client);
    },
    clients: () => clients.size,
    filters: () => followers.size,
    follows: (filter) => followers.has(filterKey(filter)),
    close() {
      clearTimeout(timer);
      clearInterval(positions);
      for (const { connection } of clients) connection.close();
      clients.clear();
      followers.clear();
    },
  };
}
