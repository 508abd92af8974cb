import { once } from "node:events";
import { eventStream, type EventStream, type HttpContext, logOf, sseFrame } from "../http/index.ts";
import { type EventLog, type EventPage, type EventRange, EventsGone, type StoredEvent } from "./contract.ts";

/** A client that has more than this before it is not given more until it has caught up. */
const LARGEST_BUFFER = 1024 * 1024;
/** How often a client that sees none of the events is told how far it is. */
const POSITION_MS = 10_000;
const WAIT_MS = 60_000;

interface Tail {
  readonly log: EventLog;
  readonly stream: EventStream;
  readonly range: Omit<EventRange, "after">;
  readonly drained: (signal: AbortSignal) => Promise<unknown>;
  /** Aborted when the client has left or the server stops. */
  readonly ended: AbortSignal;
}

/** Answers with `first` and then with everything that follows, each event's number as its id. */
export function streamEvents(
  log: EventLog,
  c: HttpContext,
  range: Omit<EventRange, "after">,
  first: EventPage,
): Response {
  const ended = new AbortController();
  const end = (): void => ended.abort();
  const stream = eventStream(c, {
    onClose: () => {
      log.closed.removeEventListener("abort", end);
      end();
    },
  });
  log.closed.addEventListener("abort", end, { once: true });
  if (log.closed.aborted) end();
  const outgoing = c.env.outgoing;
  const drained = (signal: AbortSignal): Promise<unknown> => once(outgoing, "drain", { signal });
  void follow({ log, stream, range, drained, ended: ended.signal }, first)
    .catch((error: unknown) => {
      // The client reconnects, and is told then: 410 when it was too slow for what is kept, 503 when the database is away.
      if (!ended.signal.aborted && !(error instanceof EventsGone))
        logOf(c).warn({ err: error }, "an event stream broke off");
    })
    .finally(() => stream.close());
  return stream.response;
}

async function follow(tail: Tail, first: EventPage): Promise<void> {
  const { log, stream, range, ended } = tail;
  let page = first;
  let told = performance.now();
  while (!ended.aborted) {
    for (const event of page.events) {
      stream.send(frameOf(event));
      if (stream.bufferedBytes() > LARGEST_BUFFER) await tail.drained(ended);
    }
    if (page.events.length > 0) told = performance.now();
    else if (performance.now() - told > POSITION_MS && page.upTo > 0) {
      // An id without data moves the client's Last-Event-ID and shows it nothing (HTML Living Standard, 9.2.6). Without
      // it, a client of a quiet tenant would come back with a number that is long gone.
      stream.send(`id: ${page.upTo}\n\n`);
      told = performance.now();
    }
    await log.wait({ after: page.upTo, timeoutMs: WAIT_MS, signal: ended });
    if (!ended.aborted) page = await log.page({ ...range, after: page.upTo });
  }
}

function frameOf(event: StoredEvent): string {
  return sseFrame({ id: String(event.number), event: event.type, data: JSON.stringify(event) });
}
