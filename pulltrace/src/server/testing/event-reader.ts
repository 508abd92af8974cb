import type { PullEvent } from "../../contract/index.ts";

/** A message of the stream, read as the HTML standard says. */
export interface Message {
  readonly id: string;
  readonly event: string;
  readonly data: string;
}

export interface EventReader {
  readonly messages: readonly Message[];
  /** The id that a browser would come back with. */
  lastEventId(): string;
  /** Resolves when `done` holds for what was received; rejects when the stream ends or it takes 15 s. */
  until(done: (messages: readonly Message[]) => boolean): Promise<void>;
  ended(): boolean;
  /** Resolves when the stream is over, cut by either side. */
  readonly over: Promise<void>;
  close(): Promise<void>;
}

/** Events in the messages; other messages (`reset`) left out. */
export function eventsIn(messages: readonly Message[]): readonly PullEvent[] {
  return messages.filter(({ event }) => event === "message").map(({ data }) => JSON.parse(data) as PullEvent);
}

/** Number in an id `<run>-<number>`. */
export function numberIn(id: string): number {
  return Number(id.split("-")[1]);
}

/** Connects, and waits until the server has taken the connection as a reader. */
export async function readEvents(
  url: string,
  options: {
    readonly lastEventId?: string;
    readonly query?: string;
    readonly headers?: Record<string, string>;
    /** The connection breaks after so many bytes, in the middle of whatever comes then. */
    readonly cutAfterBytes?: number;
  } = {},
): Promise<EventReader> {
  const abort = new AbortController();
  const response = await fetch(`${url}/api/v1/events${options.query ?? ""}`, {
    signal: abort.signal,
    headers: {
      ...options.headers,
      ...(options.lastEventId === undefined ? {} : { "last-event-id": options.lastEventId }),
    },
  });
  if (response.status !== 200 || response.body === null)
    throw new Error(`events: ${response.status} ${await response.text()}`);
  const messages: Message[] = [];
  const waiting = new Set<() => void>();
  let lastEventId = options.lastEventId ?? "";
  let over = false;

  const take = (block: string): void => {
    let event = "message";
    const data: string[] = [];
    for (const line of block.split("\n")) {
      const [, field = "", value = ""] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
      if (field === "id") lastEventId = value;
      else if (field === "event") event = value;
      else if (field === "data") data.push(value);
    }
    if (data.length > 0) messages.push({ id: lastEventId, event, data: data.join("\n") });
  };
  const read = async (body: ReadableStream<Uint8Array>): Promise<void> => {
    const decoder = new TextDecoder();
    let rest = "";
    let left = options.cutAfterBytes ?? Number.POSITIVE_INFINITY;
    try {
      for await (const chunk of body) {
        const bytes = chunk.subarray(0, left);
        left -= bytes.length;
        const blocks = (rest + decoder.decode(bytes, { stream: true })).split("\n\n");
        rest = blocks.pop() ?? "";
        for (const block of blocks) take(block);
        for (const wake of waiting) wake();
        if (left === 0) break;
      }
    } catch {
      // Aborted by the test, or cut by the server: either way the stream is over.
    }
    over = true;
    for (const wake of waiting) wake();
  };
  const reading = read(response.body);

  const until = (done: (messages: readonly Message[]) => boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      const finish = (error?: Error): void => {
        clearTimeout(timer);
        waiting.delete(look);
        if (error === undefined) resolve();
        else reject(error);
      };
      const look = (): void => {
        if (done(messages)) finish();
        else if (over) finish(new Error(`the stream ended after ${messages.length} messages`));
      };
      const timer = setTimeout(() => finish(new Error(`waited 45 s in vain; ${messages.length} messages`)), 45_000);
      waiting.add(look);
      look();
    });

  return {
    messages,
    lastEventId: () => lastEventId,
    until,
    ended: () => over,
    over: reading,
    async close() {
      abort.abort();
      await reading;
    },
  };
}
