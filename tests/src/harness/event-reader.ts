import type { PullEvent } from "@waybill/pulltrace/contract";

export interface ReceivedEvent {
  /** The SSE id, `<run>-<number>`. */
  readonly id: string;
  readonly event: PullEvent;
}

export interface EventReader {
  /** Everything received so far, over all connections of this reader. */
  readonly received: readonly ReceivedEvent[];
  /** How often the server asked to begin anew. */
  readonly resets: () => number;
  /** Cuts the connection; the next `connect` resumes behind the last event received. */
  disconnect(): Promise<void>;
  connect(): Promise<void>;
}

interface Message {
  id: string;
  event: string;
  data: string[];
}

function parse(block: string): Message {
  const message: Message = { id: "", event: "message", data: [] };
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    if (colon <= 0) continue;
    const field = line.slice(0, colon);
    const value = line.slice(colon + 1).replace(/^ /, "");
    if (field === "id") message.id = value;
    else if (field === "event") message.event = value;
    else if (field === "data") message.data.push(value);
  }
  return message;
}

/**
 * Reads `GET /api/v1/events` as a browser would, with Last-Event-ID, and keeps every message.
 * @param after the event to begin behind; `lastEventId` of `GET /api/v1/pulls`.
 */
export async function readEvents(
  url: string,
  after: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<EventReader> {
  const received: ReceivedEvent[] = [];
  let resets = 0;
  let lastId = after;
  let connection: { readonly abort: AbortController; readonly done: Promise<void> } | undefined;

  async function consume(body: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    let buffer = "";
    for await (const chunk of body) {
      buffer += decoder.decode(chunk, { stream: true });
      for (let end = buffer.indexOf("\n\n"); end >= 0; end = buffer.indexOf("\n\n")) {
        const message = parse(buffer.slice(0, end));
        buffer = buffer.slice(end + 2);
        if (message.event === "reset") resets++;
        if (message.data.length === 0 || message.event === "reset") continue;
        lastId = message.id;
        received.push({ id: message.id, event: JSON.parse(message.data.join("\n")) as PullEvent });
      }
    }
  }

  async function connect(): Promise<void> {
    const abort = new AbortController();
    const response = await fetch(`${url}/api/v1/events`, {
      headers: { ...headers, accept: "text/event-stream", "last-event-id": lastId },
      signal: abort.signal,
    });
    if (!response.ok || response.body === null) throw new Error(`/api/v1/events answered ${response.status}`);
    const done = consume(response.body).catch((error: unknown) => {
      if (!abort.signal.aborted) throw error;
    });
    connection = { abort, done };
  }

  await connect();
  return {
    received,
    resets: () => resets,
    async disconnect() {
      connection?.abort.abort();
      await connection?.done;
      connection = undefined;
    },
    connect,
  };
}
