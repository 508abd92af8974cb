import { type Principal, seesAllTenants } from "../auth/index.ts";
import { parseDuration } from "../config/index.ts";
import { Problem } from "../errors/index.ts";
import { LARGEST_PAGE } from "./log.ts";

const LONGEST_WAIT_MS = 60_000;
const USUAL_LIMIT = 100;

/** Where a reader wants to start: after a number, with the oldest that is kept, or with what comes next. */
export type Start = { readonly after: number } | "oldest" | "latest";

/** What a reader of a stream asks for. */
export interface EventQuery {
  readonly start: Start;
  readonly limit: number;
  readonly waitMs: number;
}

/**
 * Reads `?after=` (a number or `latest`), `?limit=`, `?wait=` and the `Last-Event-ID` of a client that reconnects, which
 * wins: its address still says where it began.
 * @throws Problem 400 `BAD_QUERY`, saying what is allowed.
 */
export function readEventQuery(query: Readonly<Record<string, string>>, lastEventId: string | undefined): EventQuery {
  const resumed = lastEventId === undefined || lastEventId === "" ? undefined : lastEventId;
  return {
    start: startOf(resumed ?? query["after"], resumed === undefined ? "after" : "Last-Event-ID"),
    limit: limitOf(query["limit"]),
    waitMs: waitOf(query["wait"]),
  };
}

/**
 * The tenant whose events a principal may see; undefined for those who see all.
 * @throws Problem 403 for one that is bound to a tenant but does not say which.
 */
export function visibleTenant(principal: Principal): { readonly tenant?: string } {
  if (seesAllTenants(principal)) return {};
  if (principal.tenant !== undefined) return { tenant: principal.tenant };
  throw new Problem({
    code: "FORBIDDEN",
    status: 403,
    title: "Not allowed",
    detail: "Events are shown to operators and to members of a tenant; the caller's token names no tenant.",
  });
}

function startOf(text: string | undefined, name: string): Start {
  if (text === undefined) return "oldest";
  if (text === "latest") return "latest";
  const after = wholeNumber(text);
  if (after === undefined) throw badQuery(name, "the number of the last event seen, 0, or `latest`");
  return { after };
}

function limitOf(text: string | undefined): number {
  if (text === undefined) return USUAL_LIMIT;
  const limit = wholeNumber(text);
  if (limit === undefined || limit < 1 || limit > LARGEST_PAGE) throw badQuery("limit", `1..${LARGEST_PAGE}`);
  return limit;
}

function waitOf(text: string | undefined): number {
  if (text === undefined) return 0;
  const allowed = `a duration up to ${LONGEST_WAIT_MS / 1000}s, e.g. 30s`;
  let waitMs: number;
  try {
    waitMs = parseDuration(text);
  } catch {
    throw badQuery("wait", allowed);
  }
  if (!(waitMs >= 0 && waitMs <= LONGEST_WAIT_MS)) throw badQuery("wait", allowed);
  return waitMs;
}

function wholeNumber(text: string): number | undefined {
  if (!/^\d{1,16}$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}

function badQuery(name: string, allowed: string): Problem {
  return new Problem({
    code: "BAD_QUERY",
    status: 400,
    title: "A parameter is not understood",
    detail: `\`${name}\` is ${allowed}.`,
  });
}
