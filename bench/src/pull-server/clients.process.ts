/**
 * Clients of the event stream, each with a connection and an address of its own. What the first of them reads at each
 * place of the stream is parsed to the letter; the others must get the same bytes, which is compared, so that hundreds
 * of them need no processors of their own.
 */
import { connect, type Socket } from "node:net";
import { createInflateRaw } from "node:zlib";
import { encodeFrames } from "@waybill/foundation/http";
import { LatencyCounter, type Latencies } from "./latencies.ts";
import { createSharedStream, newPlace, type Place } from "./shared-stream.ts";
import { createStreamCheck, type Mark, type StreamFigures } from "./stream-check.ts";

export interface ClientsOrder {
  readonly port: number;
  readonly clients: number;
  readonly path: string;
  readonly view: "events" | "page";
  readonly gzip: boolean;
  /** Milliseconds since 1970. */
  readonly epoch: number;
}

export interface ClientsFigures {
  readonly latencies: Latencies;
  readonly stream: StreamFigures;
  readonly bytes: number;
  /** Clients that have every byte of the stream, that got another one than the first, that were cut off or refused. */
  readonly complete: number;
  readonly different: number;
  readonly cut: number;
  readonly refused: number;
}

interface Client {
  readonly place: Place;
  /** Places of the stream with the time since the epoch at which the client was there. */
  progress: { readonly at: number; readonly offset: number }[];
  nextMark: number;
  state: "connecting" | "waiting" | "reading" | "different" | "cut" | "refused";
}

const windowBytes = 256 * 1024 * 1024;
const clients: Client[] = [];
const latencies = new LatencyCounter();
const marks: Mark[] = [];
let bytes = 0;
let begun = false;
let measured = false;
let read: (piece: Buffer) => void = () => {};
let stream: { readonly figures: StreamFigures } | undefined;
let shared: ReturnType<typeof createSharedStream> | undefined;

function take(client: Client, piece: Buffer, now: number): void {
  bytes += piece.length;
  if (shared?.take(client.place, piece) !== true) client.state = "different";
  else client.progress.push({ at: now, offset: client.place.offset });
}

/** Which client had which message when: as far as the messages are read. */
function evaluate(): void {
  for (const client of clients) {
    let mark = marks[client.nextMark];
    let used = 0;
    for (const { at, offset } of client.progress) {
      for (; mark !== undefined && mark.offset <= offset; mark = marks[client.nextMark]) {
        if (measured) latencies.add(at - mark.toldAt);
        client.nextMark += 1;
      }
      if (mark === undefined) break;
      used += 1;
    }
    client.progress.splice(0, used);
  }
}

function open(order: ClientsOrder, index: number): Promise<void> {
  return new Promise((resolve) => {
    const client: Client = { place: newPlace(), progress: [], nextMark: 0, state: "connecting" };
    clients.push(client);
    const localAddress = `127.${128 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`;
    const socket: Socket = connect({ port: order.port, host: "127.0.0.1", localAddress });
    socket.write(
      `GET ${order.path} HTTP/1.1\r\nHost: 127.0.0.1:${order.port}\r\naccept: text/event-stream\r\n` +
        `${order.gzip ? "accept-encoding: gzip\r\n" : ""}\r\n`,
    );
    socket.on("data", (piece: Buffer) => {
      if (client.state === "connecting") {
        const status = piece.toString("latin1", 9, 12);
        client.state = status === "200" ? "waiting" : "refused";
        if (status !== "200" || !/\r\ncontent-encoding: gzip/i.test(piece.toString("latin1")) === order.gzip)
          process.stderr.write(`unexpected answer: ${piece.toString("latin1", 0, 600)}\n`);
        resolve();
      }
      // What comes before the first report is each client's own: its pause before reconnecting, a fresh list.
      if (client.state === "waiting" && begun) client.state = "reading";
      if (client.state === "reading") take(client, piece, Date.now() - order.epoch);
    });
    const gone = (): void => {
      if (client.state !== "refused" && client.state !== "different") client.state = "cut";
      resolve();
    };
    socket.on("error", gone);
    socket.on("close", gone);
  });
}

function prepare(order: ClientsOrder): void {
  const check = createStreamCheck(order.view, (mark) => marks.push(mark));
  stream = check;
  if (!order.gzip) {
    read = (piece) => check.read(piece);
    return;
  }
  // The place in the packed stream of what was unpacked: at the latest the end of what was put in.
  const inflate = createInflateRaw();
  let put = 0;
  const packed = createStreamCheck(order.view, ({ toldAt }) => marks.push({ offset: put, toldAt }));
  stream = packed;
  const queue: Buffer[] = [];
  let busy = false;
  const next = (): void => {
    const piece = queue.shift();
    busy = piece !== undefined;
    if (piece === undefined) return;
    put += piece.length;
    inflate.write(piece, next);
  };
  inflate.on("data", (plain: Buffer) => packed.read(plain));
  read = (piece) => {
    queue.push(piece);
    if (!busy) next();
  };
}

function figures(): ClientsFigures {
  evaluate();
  const count = (state: Client["state"]): number => clients.filter((client) => client.state === state).length;
  return {
    latencies: { counts: latencies.counts },
    stream: stream?.figures ?? { messages: 0, gaps: 0, bad: 0, lastNumber: -1 },
    bytes,
    complete: clients.filter(({ state, place }) => state === "reading" && place.offset === shared?.length()).length,
    different: count("different"),
    cut: count("cut"),
    refused: count("refused"),
  };
}

interface Order {
  readonly start?: ClientsOrder;
  readonly begin?: true;
  readonly measure?: boolean;
  readonly figures?: true;
}

async function obey(message: Order): Promise<void> {
  if (message.start !== undefined) {
    const order = message.start;
    prepare(order);
    const heartbeat = encodeFrames(": \n\n", order.gzip ? "gzip" : "identity");
    shared = createSharedStream({ heartbeat, windowBytes, onFresh: (fresh) => read(fresh) });
    for (let index = 0; index < order.clients; index += 100) {
      const some = Math.min(100, order.clients - index);
      await Promise.all(Array.from({ length: some }, (_, next) => open(order, index + next)));
    }
    setInterval(evaluate, 100).unref();
    process.send?.({ started: true });
  }
  if (message.begin === true) {
    begun = true;
    process.send?.({ begun: true });
  }
  if (message.measure !== undefined) {
    evaluate();
    measured = message.measure;
  }
  if (message.figures === true) process.send?.({ figures: figures() });
}
process.on("message", (message: Order) => void obey(message));
process.on("disconnect", () => process.exit(0));
