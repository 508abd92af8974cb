import { access } from "@waybill/foundation/auth";
import { Problem } from "@waybill/foundation/errors";
import {
  acceptsGzip,
  answerAtOnce,
  eventStream,
  readBody,
  type HttpContext,
  type HttpRoute,
  type RouteGroup,
} from "@waybill/foundation/http";
import { type ImageList, type PullList, streamHeartbeatMs, type WaitingPodList } from "../contract/index.ts";
import type { AgentIdentity } from "./agent-identity.ts";
import type { Board } from "./board.ts";
import type { ClientAddress } from "./client-address.ts";
import type { ClientLimits } from "./client-limits.ts";
import type { EventBroadcast } from "./event-broadcast.ts";
import type { EventRing } from "./event-ring.ts";
import type { ServerLimits } from "./limits.ts";
import { createListBody, type createListSharing } from "./list-body.ts";
import type { PullMetrics } from "./metrics.ts";
import type { PageBroadcast } from "./page-broadcast.ts";
import { waitingPodsOf } from "./pods/index.ts";
import { filterKey, readerFilter } from "./reader-filter.ts";
import { noPlace, refusalOf } from "./refusal.ts";
import { createReportIntake } from "./report-intake.ts";

export interface RouteOptions {
  readonly board: Board;
  readonly ring: EventRing;
  readonly broadcast: EventBroadcast;
  readonly pages: PageBroadcast;
  readonly metrics: PullMetrics;
  readonly limits: ServerLimits;
  readonly clients: ClientLimits;
  readonly addressOf: ClientAddress;
  readonly lists: ReturnType<typeof createListSharing>;
  readonly historyTtlMs: number;
  readonly agentToken?: string;
  /** Asks each agent for its own node; absent: whoever has the token may speak for every node. */
  readonly agents?: AgentIdentity;
  readonly clock: () => number;
  /** Pods are known. */
  readonly kubernetes: boolean;
}

export function pullRoutes(options: RouteOptions): RouteGroup {
  const { board, ring, broadcast, pages, limits, clock, clients, lists } = options;
  const clientOf = (c: HttpContext): string => nameOfClient(c, options.addressOf);
  /** Asks for the whole board cost something: each counts. */
  const counted =
    (handler: HttpRoute["handler"]): HttpRoute["handler"] =>
    (c) => {
      clients.request(clientOf(c));
      return handler(c);
    };

  const intake = createReportIntake({
    limits,
    clients,
    ...(options.agents === undefined ? {} : { agents: options.agents }),
    known: (nodeName) => board.lastReported(nodeName),
    take: (report) => board.report(report),
    refused: () => options.metrics.refused(1),
  });
  const report = async (c: HttpContext): Promise<Response> => {
    await intake({
      client: clientOf(c),
      header: (name) => c.req.header(name),
      body: (limitBytes) => readBody(c, limitBytes),
    });
    options.metrics.reported(1);
    broadcast.catchUp();
    pages.catchUp();
    // 200 and not 204: to the older program's agents anything else is a failure.
    return answerAtOnce(c, 200, { "content-length": "0" });
  };

  const pulls = (c: HttpContext): Response => {
    const filter = filterOf(c);
    const body = lists.get(filterKey(filter), () => {
      // All of it in one go: no report can come in between, so the id fits the list.
      const list: Omit<PullList, "pulls"> = {
        lastEventId: ring.idOf(ring.newest()),
        nodes: board.nodes(filter),
        serverTime: new Date(clock()).toISOString(),
        historySeconds: Math.round(options.historyTtlMs / 1000),
      };
      return createListBody(board.pulls(filter), list);
    });
    const gzip = acceptsGzip(c.req.header("accept-encoding"));
    const headers = { ...jsonHeaders, vary: "accept-encoding", ...(gzip ? { "content-encoding": "gzip" } : {}) };
    return new Response(body.stream(gzip), { headers });
  };

  const nodes = (c: HttpContext): Response =>
    Response.json(
      { nodes: board.nodes(filterOf(c)), serverTime: new Date(clock()).toISOString() },
      { headers: jsonHeaders },
    );

  const images = (c: HttpContext): Response => {
    const list: ImageList = { images: board.images(filterOf(c)), serverTime: new Date(clock()).toISOString() };
    return Response.json(list, { headers: jsonHeaders });
  };

  const waitingPods = (c: HttpContext): Response => {
    const filter = filterOf(c);
    const pods = waitingPodsOf(board.pulls(filter));
    const list: WaitingPodList = {
      pods: filter.namespace === undefined ? pods : pods.filter(({ namespace }) => namespace === filter.namespace),
      kubernetes: options.kubernetes,
      serverTime: new Date(clock()).toISOString(),
    };
    return Response.json(list, { headers: jsonHeaders });
  };

  const coldStart = (c: HttpContext): Response => {
    const imageRef = c.req.param("ref") ?? "";
    const answer = board.coldStart(imageRef, filterOf(c));
    if (answer === undefined) {
      throw new Problem({
        code: "PT-404",
        status: 404,
        title: "Not known",
        detail:
          "No pull of this image with known layer sizes is in the history. Ask for an imageRef as GET /api/v1/images shows it.",
      });
    }
    return Response.json(answer, { headers: jsonHeaders });
  };

  const events = (c: HttpContext): Response => {
    const filter = filterOf(c);
    const look = lookOf(c);
    if (broadcast.clients() + pages.clients() >= limits.streamClients)
      throw noPlace(`At most ${limits.streamClients} clients may follow the events.`);
    const known = look.view === "page" ? pages.follows(filter, look.rows) : broadcast.follows(filter);
    if (!known && broadcast.filters() + pages.groups() >= limits.streamFilters)
      throw noPlace(`At most ${limits.streamFilters} different filters may be followed at a time.`);
    const leaveClient = clients.enter(clientOf(c));
    let leave: (() => void) | undefined;
    let closed = false;
    const stream = eventStream(c, {
      gzip: true,
      untilClose: true,
      heartbeatMs: streamHeartbeatMs,
      // Not all at once when the server comes back.
      retryMs: 1_000 + Math.floor(Math.random() * 2_000),
      onClose: () => {
        closed = true;
        leaveClient();
        leave?.();
      },
    });
    if (closed) return stream.response;
    if (look.view === "page") {
      leave = pages.connect(stream, filter, look.rows);
      return stream.response;
    }
    // The header comes from a reconnect and so is newer than what the address says; a browser's EventSource cannot set
    // it on its first request.
    const asked = c.req.header("last-event-id") ?? c.req.query("lastEventId");
    const position = asked === undefined || asked === "" ? ring.newest() : ring.resumable(asked);
    if (position === undefined) stream.send(`event: reset\nid: ${ring.idOf(ring.newest())}\ndata:\n\n`);
    leave = broadcast.connect(stream, filter, position ?? ring.newest());
    return stream.response;
  };

  const routes: readonly HttpRoute[] = [
    { method: "POST", path: reportPath, access: access.agent, handler: report },
    { method: "GET", path: "/api/v1/pulls", access: access.everyone, handler: counted(pulls) },
    { method: "GET", path: "/api/v1/events", access: access.everyone, handler: events },
    { method: "GET", path: "/api/v1/nodes", access: access.everyone, handler: counted(nodes) },
    { method: "GET", path: "/api/v1/pods/waiting", access: access.everyone, handler: counted(waitingPods) },
    { method: "GET", path: "/api/v1/images", access: access.everyone, handler: counted(images) },
    {
      method: "GET",
      path: "/api/v1/images/:ref{.+}/cold-start",
      access: access.everyone,
      handler: counted(coldStart),
    },
  ];
  return {
    name: "pulltrace",
    routes,
    errorResponse(problem, c) {
      // An agent without the token comes no further than the entrance.
      if (problem.code === "UNAUTHENTICATED" && c.req.path === reportPath) options.metrics.refused(1);
      const { body, headers } = refusalOf(problem, c.var.requestId);
      return new Response(body, { status: problem.status, headers });
    },
    ...(options.agentToken === undefined ? {} : { agentToken: options.agentToken }),
  };
}

const reportPath = "/api/v1/report";
const jsonHeaders = { "content-type": "application/json", "cache-control": "no-store" };

/** The account of a caller who proved who it is, else the address that it comes from. */
function nameOfClient(c: HttpContext, addressOf: ClientAddress): string {
  const { principal } = c.var;
  if (!principal.anonymous) return `account ${principal.tenant ?? ""} ${principal.subject}`;
  const incoming = (c.env as Partial<HttpContext["env"]> | undefined)?.incoming;
  return `address ${addressOf(incoming?.socket.remoteAddress, c.req.header("x-forwarded-for"))}`;
}

function filterOf(c: HttpContext) {
  const { node, tenant, namespace, image } = c.req.query();
  return readerFilter(c.var.principal, { node, tenant, namespace, image });
}

const usualRows = 50;
const mostRows = 200;

/** @throws Problem 400 for another view, or rows that are no number from 1 to 200. */
function lookOf(c: HttpContext): { readonly view: "events" } | { readonly view: "page"; readonly rows: number } {
  const { view = "events", rows } = c.req.query();
  const count = rows === undefined ? usualRows : /^\d{1,3}$/.test(rows) ? Number(rows) : 0;
  if (view === "events") return { view };
  if (view === "page" && count >= 1 && count <= mostRows) return { view, rows: count };
  const detail = view === "page" ? `?rows= takes a number from 1 to ${mostRows}.` : "?view= takes events or page.";
  throw new Problem({ code: "PT-400", status: 400, title: "Bad view", detail });
}
