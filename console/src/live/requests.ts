import type { ColdStart, ImageList, ImageRollout, NodeStatus, PullList } from "@waybill/pulltrace/contract";
import { createMessageReader, type StreamMessage } from "./messages.ts";
import { longestSilenceMs, watchSilence } from "./silence.ts";

/** The server wants a token first (401). */
export class SignedOut extends Error {}

/** The server did not do what was asked; `message` can be shown to a person. */
export class RequestFailed extends Error {}

/** 404. */
class NotThere extends RequestFailed {}

/** The server has no place at the moment (429, 503), and says when to ask again. */
export class ServerFull extends RequestFailed {
  readonly retryAfterMs: number;

  constructor(message: string, retryAfterMs: number) {
    super(message);
    this.retryAfterMs = retryAfterMs;
  }
}

export type Fetch = (input: string, init?: RequestInit) => Promise<Response>;

/** GET as JSON. @throws SignedOut, RequestFailed also when the line falls silent */
async function getJson(
  fetch: Fetch,
  url: string,
  signal: AbortSignal,
  silenceMs: number = longestSilenceMs,
): Promise<unknown> {
  let text = "";
  await take(fetch, url, { accept: "application/json", signal, silenceMs, onText: (piece) => (text += piece) });
  try {
    return JSON.parse(text);
  } catch {
    throw new RequestFailed("The server answered something that is not JSON.");
  }
}

interface Take {
  readonly accept: string;
  readonly lastEventId?: string;
  readonly signal: AbortSignal;
  /** Milliseconds without any byte, or without an answer, after which the connection is taken for dead. */
  readonly silenceMs: number;
  /** A good answer begins. */
  onAnswer?(response: Response): void;
  onText(piece: string): void;
}

/** Takes an answer as it comes, to its end. @throws SignedOut, RequestFailed, or what fetch throws when the line breaks. */
async function take(fetch: Fetch, url: string, o: Take): Promise<void> {
  const watch = watchSilence(o.signal, o.silenceMs);
  const place = o.lastEventId === undefined ? {} : { "last-event-id": o.lastEventId };
  try {
    const response = await fetch(url, {
      headers: { accept: o.accept, ...place },
      cache: "no-store",
      signal: watch.signal,
    });
    await refuseBadStatus(response);
    o.onAnswer?.(response);
    const decoder = new TextDecoder();
    const reader = response.body?.getReader();
    for (let piece = await reader?.read(); piece !== undefined && !piece.done; piece = await reader?.read()) {
      watch.heard();
      o.onText(decoder.decode(piece.value, { stream: true }));
    }
  } catch (error) {
    if (watch.tooLong()) throw new RequestFailed("Nothing came from the server for too long.");
    throw error;
  } finally {
    watch.end();
  }
}

/** The state of all pulls, and from which event on to follow. @throws SignedOut, RequestFailed */
export async function fetchPullList(
  fetch: Fetch,
  base: string,
  signal: AbortSignal,
  silenceMs?: number,
): Promise<PullList> {
  const body = await getJson(fetch, `${base}/api/v1/pulls`, signal, silenceMs);
  if (!isRecord(body) || !Array.isArray(body["pulls"]) || typeof body["lastEventId"] !== "string") {
    throw new RequestFailed("The answer of /api/v1/pulls is not a list of pulls: is this a Waybill server?");
  }
  const { nodes, serverTime, historySeconds } = body;
  return {
    pulls: body["pulls"],
    lastEventId: body["lastEventId"],
    nodes: Array.isArray(nodes) ? nodes : [],
    serverTime: typeof serverTime === "string" ? serverTime : new Date().toISOString(),
    historySeconds: typeof historySeconds === "number" ? historySeconds : 1800,
  };
}

/** All known nodes: an array, or an object that holds it as `nodes`. @throws SignedOut, RequestFailed */
export async function fetchNodes(fetch: Fetch, base: string, signal: AbortSignal): Promise<readonly NodeStatus[]> {
  const body = await getJson(fetch, `${base}/api/v1/nodes`, signal);
  const nodes = isRecord(body) ? body["nodes"] : body;
  if (!Array.isArray(nodes)) throw new RequestFailed("The answer of /api/v1/nodes is not a list of nodes.");
  return nodes;
}

/**
 * What the image takes on a node that has nothing of it; undefined while the server has seen no pull of known size.
 * @throws SignedOut, RequestFailed
 */
export async function fetchColdStart(
  fetch: Fetch,
  base: string,
  imageRef: string,
  signal: AbortSignal,
): Promise<ColdStart | undefined> {
  const url = `${base}/api/v1/images/${encodeURIComponent(imageRef)}/cold-start`;
  let body: unknown;
  try {
    body = await getJson(fetch, url, signal);
  } catch (error) {
    if (error instanceof NotThere) return undefined;
    throw error;
  }
  if (!isRecord(body) || typeof body["sentence"] !== "string" || !Array.isArray(body["layers"]))
    throw new RequestFailed("The answer of /api/v1/images is not one about a cold start.");
  return body as unknown as ColdStart;
}

/** How far the roll-out of an image is on all nodes; undefined while no pull of it is known. @throws SignedOut, RequestFailed */
export async function fetchRollout(
  fetch: Fetch,
  base: string,
  imageRef: string,
  signal: AbortSignal,
): Promise<ImageRollout | undefined> {
  const body = await getJson(fetch, `${base}/api/v1/images?image=${encodeURIComponent(imageRef)}`, signal);
  if (!isRecord(body) || !Array.isArray(body["images"]))
    throw new RequestFailed("The answer of /api/v1/images is not a list of images.");
  return (body as unknown as ImageList).images.find((image) => image.imageRef === imageRef);
}

/** Trades a token for the session cookie. @throws SignedOut when the token is refused, RequestFailed */
export async function openSession(fetch: Fetch, base: string, token: string): Promise<void> {
  const response = await fetch(`${base}/api/v1/session`, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json" },
    body: JSON.stringify({ token }),
    signal: AbortSignal.timeout(longestSilenceMs),
  });
  await refuseBadStatus(response);
}

export interface FollowOptions {
  /** Without it: what the server shows to pages (`view=page`), which begins with a snapshot. */
  readonly lastEventId?: string;
  readonly signal: AbortSignal;
  /** The stream is open: from here on nothing is missed. */
  onOpen(): void;
  /** Any byte, also a heartbeat, came in. */
  onBytes(): void;
  /** The server asks for so many milliseconds before one comes back after a break. */
  onRetry?(milliseconds: number): void;
  onMessage(message: StreamMessage): void;
  /** Milliseconds without any byte after which the connection is taken for dead. */
  readonly silenceMs: number;
}

/**
 * Follows the event stream until it ends, and returns then. Fetch instead of EventSource: it can send Last-Event-ID at
 * the first connect, and it tells a 401 from a dropped line.
 * @throws SignedOut, RequestFailed, or what fetch throws when the line breaks.
 */
export async function followEvents(fetch: Fetch, base: string, o: FollowOptions): Promise<void> {
  const read = createMessageReader(o.lastEventId ?? "", (milliseconds) => o.onRetry?.(milliseconds));
  await take(fetch, `${base}/api/v1/events${o.lastEventId === undefined ? "?view=page&rows=200" : ""}`, {
    accept: "text/event-stream",
    ...(o.lastEventId === undefined ? {} : { lastEventId: o.lastEventId }),
    signal: o.signal,
    silenceMs: o.silenceMs,
    onAnswer(response) {
      if (!(response.headers.get("content-type") ?? "").startsWith("text/event-stream") || response.body === null) {
        throw new RequestFailed("The answer of /api/v1/events is not an event stream: a proxy may stand between.");
      }
      o.onOpen();
    },
    onText(piece) {
      o.onBytes();
      for (const message of read(piece)) o.onMessage(message);
    },
  });
}

async function refuseBadStatus(response: Response): Promise<void> {
  if (response.ok) return;
  const body: unknown = await response.json().catch(() => undefined);
  if (response.status === 401) throw new SignedOut("The server wants a token.");
  const detail = isRecord(body) && typeof body["detail"] === "string" ? body["detail"] : "";
  const said = `The server answered ${response.status}${detail === "" ? "" : `: ${detail}`}`;
  if (response.status === 404) throw new NotThere(said);
  if (response.status === 429 || response.status === 503)
    throw new ServerFull(said, retryAfterMs(response.headers.get("retry-after"), Date.now()));
  throw new RequestFailed(said);
}

/** A page comes back after five minutes in any case. */
const longestRetryMs = 300_000;

/**
 * `Retry-After` in milliseconds: seconds, or a date (RFC 9110, section 10.2.3).
 * @returns 0 when there is none that makes sense
 */
export function retryAfterMs(header: string | null, now: number): number {
  const text = header?.trim() ?? "";
  const wait = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isNaN(wait) ? 0 : Math.min(longestRetryMs, Math.max(0, wait));
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
