import type { NodeStatus, PullList } from "@waybill/pulltrace/contract";
import { createMessageReader, type StreamMessage } from "./messages.ts";

/** The server wants a token first (401). */
export class SignedOut extends Error {}

/** The server did not do what was asked; `message` can be shown to a person. */
export class RequestFailed extends Error {}

export type Fetch = (input: string, init?: RequestInit) => Promise<Response>;

/** GET as JSON. @throws SignedOut, RequestFailed */
async function getJson(fetch: Fetch, url: string, signal: AbortSignal): Promise<unknown> {
  const response = await fetch(url, { headers: { accept: "application/json" }, cache: "no-store", signal });
  await refuseBadStatus(response);
  try {
    return await response.json();
  } catch {
    throw new RequestFailed("The server answered something that is not JSON.");
  }
}

/** The state of all pulls, and from which event on to follow. @throws SignedOut, RequestFailed */
export async function fetchPullList(fetch: Fetch, base: string, signal: AbortSignal): Promise<PullList> {
  const body = await getJson(fetch, `${base}/api/v1/pulls`, signal);
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

/** Trades a token for the session cookie. @throws SignedOut when the token is refused, RequestFailed */
export async function openSession(fetch: Fetch, base: string, token: string): Promise<void> {
  const response = await fetch(`${base}/api/v1/session`, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json" },
    body: JSON.stringify({ token }),
  });
  await refuseBadStatus(response);
}

export interface FollowOptions {
  readonly lastEventId: string;
  readonly signal: AbortSignal;
  /** The stream is open: from here on nothing is missed. */
  onOpen(): void;
  /** Any byte, also a heartbeat, came in. */
  onBytes(): void;
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
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), o.silenceMs);
  try {
    const response = await fetch(`${base}/api/v1/events`, {
      headers: { accept: "text/event-stream", "last-event-id": o.lastEventId },
      cache: "no-store",
      signal: AbortSignal.any([o.signal, silence.signal]),
    });
    await refuseBadStatus(response);
    if (!(response.headers.get("content-type") ?? "").startsWith("text/event-stream") || response.body === null) {
      throw new RequestFailed("The answer of /api/v1/events is not an event stream: a proxy may stand between.");
    }
    o.onOpen();
    const read = createMessageReader(o.lastEventId);
    const decoder = new TextDecoder();
    const reader = response.body.getReader();
    for (;;) {
      const piece = await reader.read();
      if (piece.done) return;
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), o.silenceMs);
      o.onBytes();
      for (const message of read(decoder.decode(piece.value, { stream: true }))) o.onMessage(message);
    }
  } catch (error) {
    if (silence.signal.aborted) throw new RequestFailed("Nothing came from the server for too long.");
    throw error;
  } finally {
    clearTimeout(timer);
    silence.abort();
  }
}

async function refuseBadStatus(response: Response): Promise<void> {
  if (response.ok) return;
  const body: unknown = await response.json().catch(() => undefined);
  if (response.status === 401) throw new SignedOut("The server wants a token.");
  const detail = isRecord(body) && typeof body["detail"] === "string" ? body["detail"] : "";
  throw new RequestFailed(`The server answered ${response.status}${detail === "" ? "" : `: ${detail}`}`);
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
