import { constants, deflateRawSync } from "node:zlib";
import { drainSignalOf } from "./server.ts";
import { ALREADY_SENT, type HttpContext } from "./route.ts";

export interface EventStream {
  /** Return it from the handler. */
  readonly response: Response;
  /** What the client takes: `sendEncoded` wants bytes that `encodeFrames` made for it. */
  readonly encoding: StreamEncoding;
  /** Writes a frame made by `sseFrame`. False when the client reads slower than we write: see `bufferedBytes`. */
  send(frame: string | Uint8Array): boolean;
  /** The same for bytes that were encoded once for many clients. */
  sendEncoded(bytes: Uint8Array): boolean;
  /** What the client has not taken yet, in bytes. */
  bufferedBytes(): number;
  close(): void;
}

export type StreamEncoding = "identity" | "gzip";

/**
 * Frames as bytes of a stream in that encoding. Each piece of a gzip stream ends on a byte and needs nothing that came
 * before it (a full flush of RFC 1951), so that one encoding serves every client, whenever it joined.
 *
 * The buffer is alone in its memory: what is kept, or waits for a slow client, holds what its length says and not the
 * 64 KiB of zlib's output or of Node's buffer pool around it.
 */
export function encodeFrames(frames: string | Uint8Array, encoding: StreamEncoding): Buffer {
  const plain =
    typeof frames === "string" ? Buffer.from(frames) : Buffer.from(frames.buffer, frames.byteOffset, frames.byteLength);
  const encoded = encoding === "identity" ? plain : deflateRawSync(plain, packing);
  if (encoded.buffer.byteLength === encoded.length) return encoded;
  const alone = Buffer.allocUnsafeSlow(encoded.length);
  encoded.copy(alone);
  return alone;
}

const packing = { level: 1, finishFlush: constants.Z_FULL_FLUSH };
/** RFC 1952, section 2.3: deflate, no flags, no time, Unix. */
const gzipHead = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);
const heartbeatFrame = ": \n\n";
const packedHeartbeat = encodeFrames(heartbeatFrame, "gzip");

/** One message of an event stream (HTML Living Standard, section 9.2.6). Each line of `data` gets its own field. */
export function sseFrame(event: { readonly id?: string; readonly event?: string; readonly data: string }): string {
  const lines = event.data.split(/\r\n|\r|\n/).map((line) => `data: ${line}\n`);
  return `${event.id === undefined ? "" : `id: ${event.id}\n`}${event.event === undefined ? "" : `event: ${event.event}\n`}${lines.join("")}\n`;
}

/**
 * Turns a request into a stream of server-sent events. Ends when the client leaves or the server drains; `onClose` is
 * called once in either case. Heartbeats are comments, sent where nothing else was, so that proxies and both ends notice
 * a dead connection. For thousands of clients: with `untilClose` the body ends with the connection (RFC 9112, section 6.3)
 * instead of being chunked, so that a frame is one write for each; with `gzip` clients that accept it get it (such a
 * stream has no trailer).
 */
export function eventStream(
  c: HttpContext,
  options: {
    readonly retryMs?: number;
    readonly heartbeatMs?: number;
    readonly onClose?: () => void;
    readonly gzip?: boolean;
    readonly untilClose?: boolean;
  } = {},
): EventStream {
  const { outgoing, incoming } = c.env;
  const encoding: StreamEncoding =
    options.gzip === true && acceptsGzip(incoming.headers["accept-encoding"]) ? "gzip" : "identity";
  let open = true;
  if (options.untilClose === true) outgoing.removeHeader("transfer-encoding");
  outgoing.writeHead(200, {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    ...(options.untilClose === true ? { connection: "close" } : {}),
    ...(options.gzip === true ? { vary: "accept-encoding" } : {}),
    ...(encoding === "gzip" ? { "content-encoding": "gzip" } : {}),
    // Asks buffering proxies (nginx and its like) to hand each message on at once.
    "x-accel-buffering": "no",
  });
  let quiet = true;
  // What ends with the connection needs no framing: straight to the socket, behind the head that was flushed to it.
  const sink = options.untilClose === true ? incoming.socket : outgoing;
  if (options.untilClose === true) outgoing.flushHeaders();
  const write = (bytes: Uint8Array): boolean => {
    quiet = false;
    return open && sink.write(bytes);
  };
  const heartbeat = setInterval(() => {
    // Behind what the client has not taken yet it would tell nobody anything.
    if (quiet && sink.writableLength === 0) sink.write(encoding === "gzip" ? packedHeartbeat : heartbeatFrame);
    quiet = true;
  }, options.heartbeatMs ?? 15_000);
  heartbeat.unref();
  const drain = drainSignalOf(incoming.socket);
  const close = (): void => {
    if (!open) return;
    open = false;
    clearInterval(heartbeat);
    if (drain !== undefined) streamsOf(drain).delete(close);
    outgoing.end();
    options.onClose?.();
  };
  outgoing.once("close", close);
  if (drain !== undefined) streamsOf(drain).add(close);
  if (drain?.aborted === true || c.req.method === "HEAD") close();
  else {
    if (encoding === "gzip") sink.write(gzipHead);
    write(encodeFrames(`retry: ${options.retryMs ?? 1000}\n\n`, encoding));
  }
  return {
    response: ALREADY_SENT,
    encoding,
    send: (frame) => write(encodeFrames(frame, encoding)),
    sendEncoded: write,
    bufferedBytes: () => sink.writableLength,
    close,
  };
}

/** One listener for all streams of a server: an EventTarget looks through all it has for each that is added. */
function streamsOf(drain: AbortSignal): Set<() => void> {
  let streams = openStreams.get(drain);
  if (streams === undefined) {
    const known = (streams = new Set());
    openStreams.set(drain, known);
    drain.addEventListener("abort", () => known.forEach((close) => close()), { once: true });
  }
  return streams;
}
const openStreams = new WeakMap<AbortSignal, Set<() => void>>();

/** RFC 9110, section 12.5.3, as far as it matters here: gzip is named, and not with a weight of zero. */
export function acceptsGzip(header: string | string[] | undefined): boolean {
  return String(header ?? "")
    .split(",")
    .some((entry) => /^\s*(gzip|\*)\s*(;(?!\s*q=0(\.0*)?\s*$)|$)/i.test(entry));
}
