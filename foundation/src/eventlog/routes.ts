import type { Access } from "../auth/index.ts";
import { drainSignalOf, type HttpContext, type HttpEnv, type HttpRoute } from "../http/index.ts";
import { type EventLog, type EventPage, type EventRange, EventsGone } from "./contract.ts";
import { readEventQuery, type Start, visibleTenant } from "./request.ts";
import { streamEvents } from "./tail.ts";

/** What a long poll answers. */
export interface EventsBody {
  readonly events: EventPage["events"];
  /** Give it as `after` the next time. */
  readonly next: number;
  readonly oldest: number;
  readonly newest: number;
}

/**
 * `GET path?after=N&limit=100&wait=30s` answers events above N as soon as there are any (`EventsBody`); with
 * `Accept: text/event-stream` it goes on for ever, and a client that reconnects with `Last-Event-ID` misses and doubles
 * nothing. Without `after` it starts with the oldest event that is kept; `after=latest` starts with the next one.
 *
 * Operators see everything. A principal of a tenant sees its tenant's events only; the numbers are those of the whole
 * stream, so it sees gaps, and from them how much happens elsewhere, but not what.
 *
 * 400 `BAD_QUERY`, 403 `FORBIDDEN`, 410 `EVENTS_GONE` when events after N are no longer kept.
 */
export function eventLogRoutes(
  log: EventLog,
  options: { readonly path: string; readonly access: Access },
): HttpRoute[] {
  return [{ method: "GET", path: options.path, access: options.access, handler: (c) => answer(log, c) }];
}

async function answer(log: EventLog, c: HttpContext): Promise<Response> {
  const query = readEventQuery(c.req.query(), c.req.header("last-event-id"));
  const range = { limit: query.limit, ...visibleTenant(c.var.principal) };
  // Read before a stream begins: while a status can still say that the events are gone.
  const first = await firstPage(log, range, query.start);
  if (c.req.header("accept")?.includes("text/event-stream") === true) return streamEvents(log, c, range, first);
  const page = await longPoll(log, range, first, c.req.method === "HEAD" ? 0 : query.waitMs, endOf(c));
  const body: EventsBody = { events: page.events, next: page.upTo, oldest: page.oldest, newest: page.newest };
  return c.json(body, 200, { "cache-control": "no-store", vary: "accept" });
}

/** When nobody waits any more: the client left, or the server drains and has no time for empty answers to ripen. */
function endOf(c: HttpContext): AbortSignal {
  // Absent when a handler is called without a socket.
  const { incoming } = (c.env ?? {}) as Partial<HttpEnv["Bindings"]>;
  const drain = incoming === undefined ? undefined : drainSignalOf(incoming.socket);
  return drain === undefined ? c.req.raw.signal : AbortSignal.any([c.req.raw.signal, drain]);
}

async function firstPage(log: EventLog, range: Omit<EventRange, "after">, start: Start): Promise<EventPage> {
  if (start === "latest") return log.page({ ...range, after: await log.newest() });
  if (start !== "oldest") return log.page({ ...range, after: start.after });
  for (let attempt = 1; ; attempt++) {
    try {
      return await log.page({ ...range, after: (await log.oldest()) - 1 });
    } catch (error) {
      // What was the oldest a moment ago has been trimmed since; whoever wants "the oldest" is never late.
      if (!(error instanceof EventsGone) || attempt === 5) throw error;
    }
  }
}

/** A tenant's reader sleeps on when all that came belongs to others. */
async function longPoll(
  log: EventLog,
  range: Omit<EventRange, "after">,
  first: EventPage,
  waitMs: number,
  signal: AbortSignal,
): Promise<EventPage> {
  const deadline = performance.now() + waitMs;
  let page = first;
  for (;;) {
    const timeoutMs = deadline - performance.now();
    if (page.events.length > 0 || timeoutMs <= 0 || signal.aborted || log.closed.aborted) return page;
    await log.wait({ after: page.upTo, timeoutMs, signal });
    page = await log.page({ ...range, after: page.upTo });
  }
}
