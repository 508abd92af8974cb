import type { Access } from "../auth/index.ts";
import type { HttpContext, HttpRoute } from "../http/index.ts";
import type { EventLog, EventPage } from "./contract.ts";
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
  const after = await numberOf(log, query.start);
  c.header("vary", "accept");
  if (c.req.header("accept")?.includes("text/event-stream") === true) {
    // Read before the stream begins: while a status can still say that the events are gone.
    return streamEvents(log, c, range, await log.page({ ...range, after }));
  }
  const page = await longPoll(log, { ...range, after }, c.req.method === "HEAD" ? 0 : query.waitMs, c.req.raw.signal);
  const body: EventsBody = { events: page.events, next: page.upTo, oldest: page.oldest, newest: page.newest };
  c.header("cache-control", "no-store");
  return c.json(body);
}

/** A tenant's reader sleeps on when all that came belongs to others. */
async function longPoll(
  log: EventLog,
  range: { readonly after: number; readonly limit: number; readonly tenant?: string },
  waitMs: number,
  signal: AbortSignal,
): Promise<EventPage> {
  const deadline = performance.now() + waitMs;
  let page = await log.page(range);
  for (;;) {
    const timeoutMs = deadline - performance.now();
    if (page.events.length > 0 || timeoutMs <= 0 || signal.aborted || log.closed.aborted) return page;
    await log.wait({ after: page.upTo, timeoutMs, signal });
    page = await log.page({ ...range, after: page.upTo });
  }
}

async function numberOf(log: EventLog, start: Start): Promise<number> {
  if (start === "oldest") return (await log.oldest()) - 1;
  return start === "latest" ? log.newest() : start.after;
}
