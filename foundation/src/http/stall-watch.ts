import type { IncomingMessage, ServerResponse } from "node:http";
import type { Logger } from "../telemetry/index.ts";

interface Watched {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  bytes: number;
  /** Looks in a row that saw no progress. */
  quietLooks: number;
}

/**
 * Closes connections on which the other side makes no progress: it owes us the rest of a body, or does not take our
 * response. A body that flows, however slowly, has no deadline; a handler that takes its time is not the client's fault,
 * and neither is a process that stood still: looks are counted, between which what had arrived is read, and not the time.
 */
export function watchForStalls(options: { readonly timeoutMs: number; readonly log: Logger }): {
  watch(incoming: IncomingMessage, outgoing: ServerResponse): void;
  close(): void;
} {
  const watched = new Set<Watched>();
  const intervalMs = Math.max(50, Math.min(5000, options.timeoutMs / 4));
  const mostQuietLooks = Math.ceil(options.timeoutMs / intervalMs);

  function check(): void {
    for (const request of watched) {
      const { incoming, outgoing } = request;
      const socket = incoming.socket;
      const bytes = socket.bytesRead + socket.bytesWritten;
      // With a full read buffer it is we who do not take what the client sent.
      const owesBody = !incoming.complete && incoming.readableLength < incoming.readableHighWaterMark;
      const leavesResponse = socket.writableLength > 0;
      if (bytes !== request.bytes || (!owesBody && !leavesResponse)) {
        request.bytes = bytes;
        request.quietLooks = 0;
      } else if ((request.quietLooks += 1) >= mostQuietLooks) {
        watched.delete(request);
        options.log.info(
          { method: incoming.method, path: incoming.url?.slice(0, 200) },
          "connection closed: no progress",
        );
        if (!outgoing.headersSent && !leavesResponse) {
          socket.end("HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        }
        incoming.destroy();
        socket.destroySoon();
      }
    }
  }

  const timer = setInterval(check, intervalMs);
  timer.unref();
  return {
    watch(incoming, outgoing) {
      const request = { incoming, outgoing, bytes: -1, quietLooks: 0 };
      watched.add(request);
      outgoing.once("close", () => watched.delete(request));
    },
    close: () => clearInterval(timer),
  };
}
