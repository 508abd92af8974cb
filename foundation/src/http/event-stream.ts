import { drainSignalOf } from "./server.ts";
import { ALREADY_SENT, type HttpContext } from "./route.ts";

export interface EventStream {
  /** Return it from the handler. */
  readonly response: Response;
  /** Writes a frame made by `sseFrame`. False when the client reads slower than we write: see `bufferedBytes`. */
  send(frame: string | Uint8Array): boolean;
  /** What the client has not taken yet, in bytes. */
  bufferedBytes(): number;
  close(): void;
}

/** One message of an event stream (HTML Living Standard, section 9.2.6). Each line of `data` gets its own field. */
export function sseFrame(event: { readonly id?: string; readonly event?: string; readonly data: string }): string {
  const lines = event.data.split(/\r\n|\r|\n/).map((line) => `data: ${line}\n`);
  return `${event.id === undefined ? "" : `id: ${event.id}\n`}${event.event === undefined ? "" : `event: ${event.event}\n`}${lines.join("")}\n`;
}

/**
 * Turns a request into a stream of server-sent events. Ends when the client leaves or the server drains; `onClose` is
 * called once in either case. Heartbeats are comments, so that proxies and both ends notice a dead connection.
 */
export function eventStream(
  c: HttpContext,
  options: { readonly retryMs?: number; readonly heartbeatMs?: number; readonly onClose?: () => void } = {},
): EventStream {
  const { outgoing, incoming } = c.env;
  let open = true;
  outgoing.writeHead(200, {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    // Asks buffering proxies (nginx and its like) to hand each message on at once.
    "x-accel-buffering": "no",
  });
  const heartbeat = setInterval(() => outgoing.write(": \n\n"), options.heartbeatMs ?? 15_000);
  heartbeat.unref();
  const drain = drainSignalOf(incoming.socket);
  const close = (): void => {
    if (!open) return;
    open = false;
    clearInterval(heartbeat);
    drain?.removeEventListener("abort", close);
    outgoing.end();
    options.onClose?.();
  };
  outgoing.once("close", close);
  drain?.addEventListener("abort", close, { once: true });
  if (drain?.aborted === true || c.req.method === "HEAD") close();
  else outgoing.write(`retry: ${options.retryMs ?? 1000}\n\n`);
  return {
    response: ALREADY_SENT,
    send: (frame) => open && outgoing.write(frame),
    bufferedBytes: () => outgoing.writableLength,
    close,
  };
}
