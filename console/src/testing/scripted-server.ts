import { createReadStream, existsSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import {
  type ImageList,
  type ImageRollout,
  type NodeStatus,
  type PageUpdate,
  type PageWaits,
  type PullEvent,
  type PullList,
  type PullStatus,
  sumWaits,
} from "@waybill/pulltrace/contract";
import { sampleColdStart } from "./sample-waiting.ts";

export interface ScriptedState {
  pulls: readonly PullStatus[];
  nodes: readonly NodeStatus[];
}

/**
 * The API as the page sees it, played from a script, over a real socket: list, events with resume, nodes, session, and
 * the built page with its Content-Security-Policy. For tests and screenshots of the page; the whole-system tests talk to the real server.
 */
export interface ScriptedServer {
  readonly url: string;
  /** Number of GET /api/v1/pulls so far. */
  readonly listReads: () => number;
  /** The `Last-Event-ID` of each connection to the event stream so far. */
  readonly resumedFrom: readonly string[];
  /** Sends an event to all who follow, and keeps it for those who come back. */
  emit(event: PullEvent): void;
  emitPull(pull: PullStatus): void;
  /** Sends to those who follow `view=page`. */
  emitPage(update: PageUpdate): void;
  /** How many follow `view=page` now. */
  readonly pageReaders: () => number;
  /** Cuts all event streams. */
  dropStreams(): void;
  /** Ends all event streams in good order, as the server does after an hour. */
  endStreams(): void;
  /** An id without data: the reader is up to date to there, but no event was for it. */
  skip(): void;
  /** From now on every connection is cut; `false`: answers again. */
  offline(cut: boolean): void;
  /** From now on nothing is answered or told, and nothing is closed, as if the line ended in a hole; `false`: as before. */
  hush(silent: boolean): void;
  /** As a restart: another run, whose events start anew; older ids get `reset`. */
  restart(): void;
  /** From now on the event stream is refused with 503 and this Retry-After, in seconds; `undefined`: taken again. */
  full(retryAfterSeconds: number | undefined): void;
  /** 401 for everything until POST /api/v1/session brings this token. */
  require(token: string): void;
  close(): Promise<void>;
}

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
};

export async function startScriptedServer(o: { state: ScriptedState; dist?: string }): Promise<ScriptedServer> {
  const { state } = o;
  let run = "r1";
  let kept: { number: number; frame: string }[] = [];
  let last = 0;
  let cut = false;
  let hushed = false;
  let token: string | undefined;
  let fullFor: number | undefined;
  let lists = 0;
  const resumedFrom: string[] = [];
  const streams = new Set<ServerResponse>();
  const pageStreams = new Set<ServerResponse>();

  const server = createServer((request, response) => {
    if (cut) return void request.socket.destroy();
    if (hushed) return;
    const { pathname: path, searchParams } = new URL(request.url ?? "/", "http://page");
    if (path === "/api/v1/session") return void openSession(request, response);
    if (path.startsWith("/api/")) {
      if (token !== undefined && !(request.headers.cookie ?? "").includes(`waybill=${token}`)) {
        return problem(response, 401, "A token is needed.");
      }
      if (path === "/api/v1/pulls") return list(response);
      if (path === "/api/v1/events" && searchParams.get("view") === "page") return followPage(response);
      if (path === "/api/v1/events") return follow(request, response);
      if (path === "/api/v1/nodes") return json(response, 200, state.nodes);
      if (path === "/api/v1/images") return rollouts(searchParams.get("image") ?? "", response);
      const asked = /^\/api\/v1\/images\/(.+)\/cold-start$/.exec(path)?.[1];
      if (asked !== undefined) return coldStart(decodeURIComponent(asked), response);
      return problem(response, 404, "There is no such path.");
    }
    asset(path, response);
  });

  function list(response: ServerResponse): void {
    lists += 1;
    const body: PullList = {
      pulls: state.pulls,
      nodes: state.nodes,
      lastEventId: `${run}-${last}`,
      serverTime: new Date().toISOString(),
      historySeconds: 1800,
    };
    json(response, 200, body);
  }

  function coldStart(imageRef: string, response: ServerResponse): void {
    const known = state.pulls.some((pull) => pull.imageRef === imageRef && pull.layers.length > 0);
    if (!known) return problem(response, 404, "No pull of this image with known layer sizes is in the history.");
    json(response, 200, sampleColdStart(imageRef));
  }

  /** By what the script says now, also where a page knows older pulls only. */
  function rollouts(imageRef: string, response: ServerResponse): void {
    const pulls = state.pulls.filter((pull) => pull.imageRef === imageRef);
    const nodes = pulls.map(({ nodeName, id, phase, percent }) => ({
      nodeName,
      pullId: id,
      percent,
      state: phase === "done" ? ("has" as const) : phase === "failed" ? ("failed" as const) : ("pulling" as const),
    }));
    const count = (wanted: string): number => nodes.filter((node) => node.state === wanted).length;
    const slowest = nodes.find((node) => node.state === "pulling");
    const image: ImageRollout = {
      imageRef,
      totalBytes: 0,
      nodesWithImage: count("has"),
      nodesPulling: count("pulling"),
      nodesFailed: count("failed"),
      bytesPerSec: 0,
      ...(slowest === undefined ? {} : { slowest }),
      nodes,
    };
    const list: ImageList = { images: nodes.length === 0 ? [] : [image], serverTime: new Date().toISOString() };
    json(response, 200, list);
  }

  function follow(request: IncomingMessage, response: ServerResponse): void {
    if (fullFor !== undefined) {
      response.setHeader("retry-after", String(fullFor));
      return problem(response, 503, "At most 20000 clients may follow the events.");
    }
    const from = String(request.headers["last-event-id"] ?? "");
    resumedFrom.push(from);
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    response.write(": hello\n\n");
    const [askedRun, number] = [from.slice(0, from.lastIndexOf("-")), Number(from.slice(from.lastIndexOf("-") + 1))];
    if (askedRun !== run) response.write("event: reset\ndata: {}\n\n");
    else for (const event of kept) if (event.number > number) response.write(event.frame);
    streams.add(response);
    response.on("close", () => streams.delete(response));
  }

  /** The first three rows, as if no more went into a page. */
  function followPage(response: ServerResponse): void {
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    const rows = state.pulls.slice(0, 3).map((pull) => ({ ...pull, layers: undefined }));
    response.write(pageFrame({ ...scriptedPage(state), kind: "snapshot", order: rows.map(({ id }) => id), rows }));
    pageStreams.add(response);
    response.on("close", () => pageStreams.delete(response));
  }

  async function openSession(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = "";
    for await (const piece of request) text += String(piece);
    const body: unknown = JSON.parse(text);
    const given = typeof body === "object" && body !== null && "token" in body ? body.token : undefined;
    if (given !== token) return problem(response, 401, "The token is not valid.");
    response.setHeader("set-cookie", `waybill=${token}; HttpOnly; SameSite=Strict; Path=/`);
    json(response, 200, {});
  }

  function asset(path: string, response: ServerResponse): void {
    const wanted = join(o.dist ?? "", normalize(path === "/" ? "/index.html" : path));
    const file = o.dist !== undefined && existsSync(wanted) ? wanted : join(o.dist ?? "", "index.html");
    if (o.dist === undefined || !existsSync(file)) return problem(response, 404, "There is no such path.");
    response.writeHead(200, {
      "content-type": types[extname(file)] ?? "application/octet-stream",
      "content-security-policy": "default-src 'self'",
    });
    createReadStream(file).pipe(response);
  }

  function emit(event: PullEvent): void {
    last += 1;
    const frame = `id: ${run}-${last}\ndata: ${JSON.stringify(event)}\n\n`;
    kept = [...kept.slice(-5000), { number: last, frame }];
    if (!hushed) for (const stream of streams) stream.write(frame);
  }

  function dropStreams(): void {
    for (const stream of [...streams, ...pageStreams]) stream.destroy();
    streams.clear();
    pageStreams.clear();
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    listReads: () => lists,
    resumedFrom,
    emit,
    emitPull(pull) {
      const others = state.pulls.filter((old) => old.id !== pull.id);
      const type =
        pull.phase === "done"
          ? "pull.completed"
          : pull.phase === "failed" || pull.phase === "cancelled"
            ? "pull.failed"
            : others.length === state.pulls.length
              ? "pull.started"
              : "pull.progress";
      state.pulls = [...others, pull];
      emit({ schemaVersion: "v1", timestamp: pull.updatedAt, type, nodeName: pull.nodeName, pull });
    },
    emitPage(update) {
      for (const stream of pageStreams) stream.write(pageFrame(update));
    },
    pageReaders: () => pageStreams.size,
    dropStreams,
    endStreams() {
      for (const stream of streams) stream.end();
      streams.clear();
    },
    skip() {
      last += 1;
      for (const stream of streams) stream.write(`id: ${run}-${last}\n\n`);
    },
    offline(next) {
      cut = next;
      if (next) dropStreams();
    },
    hush(silent) {
      hushed = silent;
    },
    restart() {
      run = `r${Number(run.slice(1)) + 1}`;
      kept = [];
      last = 0;
      dropStreams();
    },
    full(retryAfterSeconds) {
      fullFor = retryAfterSeconds;
    },
    require(next) {
      token = next;
    },
    async close() {
      dropStreams();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** An update that changes nothing. */
export function scriptedPage({ pulls, nodes }: ScriptedState): PageUpdate {
  const activePulls = pulls.filter(({ completedAt }) => completedAt === undefined).length;
  return {
    schemaVersion: "v1",
    kind: "changes",
    serverTime: new Date().toISOString(),
    summary: {
      activePulls,
      finishedPulls: pulls.length - activePulls,
      failedPulls: 0,
      bytesPerSec: 5_000_000_000,
      nodes: nodes.length,
      pullingNodes: nodes.length,
      silentNodes: 0,
    },
    waits: sumOf(pulls),
    rows: [],
  };
}

function sumOf(pulls: readonly PullStatus[]): PageWaits {
  const waits = sumWaits();
  for (const pull of pulls) waits.add(pull);
  return waits.result();
}

function pageFrame(update: PageUpdate): string {
  return `event: page\nid: r1.page-1\ndata: ${JSON.stringify(update)}\n\n`;
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
  response.end(JSON.stringify(body));
}

function problem(response: ServerResponse, status: number, detail: string): void {
  json(response, status, { title: detail, status, detail });
}
