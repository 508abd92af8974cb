import type { HealthCheck, RouteGroup } from "@waybill/foundation/http";
import type { Logger, Registry } from "@waybill/foundation/telemetry";
import type { Address, Network } from "@waybill/foundation/config";
import { reviewedAgents, type AgentIdentityOptions } from "./agent-identity.ts";
import type { AgentReport } from "../contract/index.ts";
import { createBoard } from "./board.ts";
import { clientAddresses } from "./client-address.ts";
import { createClientLimits } from "./client-limits.ts";
import type { Emission } from "./emission.ts";
import { createEventBroadcast } from "./event-broadcast.ts";
import { createEventRing } from "./event-ring.ts";
import { defaultLimits, type ServerLimits } from "./limits.ts";
import { createListSharing } from "./list-body.ts";
import { createPullMetrics } from "./metrics.ts";
import { createPageBroadcast } from "./page-broadcast.ts";
import type { PodSource } from "./pods/index.ts";
import { startReportThread, type Outcome, type ReportThread } from "./report-thread/index.ts";
import { pullRoutes } from "./routes.ts";
import type { PullState } from "./state/index.ts";
import { tenantLookup, type TenantOf } from "./tenant.ts";

export interface PullServerOptions {
  /** Milliseconds that finished pulls stay visible. */
  readonly historyTtlMs: number;
  /** What agents must send as a Bearer token; empty or absent: none. */
  readonly agentToken?: string;
  /** How to know who each agent is; absent: whoever has the token may speak for every node. */
  readonly agents?: AgentIdentityOptions;
  /** Which first path elements of repositories are tenants; absent: none. */
  readonly tenants?: TenantOf;
  /** Which pods wait for what (`watchPods`); absent without Kubernetes. The caller closes it. */
  readonly pods?: PodSource;
  readonly log: Logger;
  readonly registry: Registry;
  /** Milliseconds since 1970; the machine's clock when absent. */
  readonly clock?: () => number;
  readonly limits?: Partial<ServerLimits>;
  /** Proxies whose word on who the client is counts; absent: none. */
  readonly trustedProxies?: readonly Network[];
  /** Finished pulls and learned speeds that outlive the process; absent: memory only. Who opened it closes it. */
  readonly state?: PullState;
}

export interface PullServer {
  /** `POST /api/v1/report`, `GET /api/v1/pulls`, `/api/v1/events`, `/api/v1/nodes`, `/api/v1/images` and cold starts. */
  readonly group: RouteGroup;
  /** Fails when the server no longer makes progress; warns for a minute after something did not fit. */
  readonly health: HealthCheck;
  /**
   * Takes reports at an address of their own, too, with a thread of its own: for thousands of nodes. To be closed before
   * the server.
   * @throws UserError when the address cannot be listened on.
   */
  takeReportsAt(address: Address, options?: { readonly hostGuard?: boolean }): Promise<ReportThread>;
  /** Ends streams and timers and takes its metrics out of the registry. */
  close(): void;
}

const sweepMs = 1_000;
const latestSweepMs = 10_000;
const warnForMs = 60_000;

/** Merges the reports of all nodes and tells readers. Running pulls live in memory: agents bring them back with their next report. */
export function createPullServer(options: PullServerOptions): PullServer {
  const { log, historyTtlMs } = options;
  const limits: ServerLimits = { ...defaultLimits, ...options.limits };
  const clock = options.clock ?? Date.now;
  const trustedProxies = options.trustedProxies ?? [];
  const ring = createEventRing(limits);
  let droppedAt = Number.NEGATIVE_INFINITY;

  const broadcast = createEventBroadcast({
    ring,
    clientBufferBytes: limits.clientBufferBytes,
    onDrop: () => metrics.clientDropped(),
  });
  const metrics = createPullMetrics(options.registry, {
    activePulls: () => board.activePulls(),
    connectedAgents: () => board.connectedAgents(),
    streamClients: () => broadcast.clients() + pages.clients(),
  });
  const board = createBoard({
    historyTtlMs,
    ...(options.state === undefined ? {} : { restored: options.state.restored }),
    tenantOf: tenantLookup(options.tenants),
    limits,
    clock,
    ...(options.pods === undefined ? {} : { pods: options.pods }),
    listener: {
      emitted(emissions) {
        for (const emission of emissions) {
          ring.append(emission);
          logEvent(log, emission);
        }
        metrics.emitted(emissions);
        broadcast.notify();
      },
      arrived: (bytes) => metrics.arrived(bytes),
      adopted(adoption) {
        if (options.state?.adopted(adoption) === false) metrics.dropped("state", 1);
      },
      ended(pull) {
        if (options.state?.ended(pull) === false) metrics.dropped("state", 1);
      },
      dropped(what) {
        const now = performance.now();
        if (now - droppedAt > warnForMs) log.warn({ ...what }, "the server is full: something was left out");
        droppedAt = now;
        for (const kind of ["pulls", "layers", "history", "nodes"] as const)
          if (what[kind] > 0) metrics.dropped(kind, what[kind]);
      },
    },
  });

  options.state?.learnFrom(() => board.learned());
  const lists = createListSharing();
  const pages = createPageBroadcast({
    viewOf: (filter, rows) => board.page(filter, rows),
    clientBufferBytes: limits.clientBufferBytes,
    clock,
    onSkip: (updates) => metrics.updatesSkipped(updates),
  });

  const leavePods = options.pods?.subscribe((nodeNames) => board.podsChanged(nodeNames));
  let sweptAt = performance.now();
  const sweeper = setInterval(() => {
    const now = performance.now();
    try {
      // A process that stood still heard nobody: that time is not the nodes' silence.
      board.sweep(Math.min(now - sweptAt, 2 * sweepMs));
      sweptAt = now;
    } catch (err) {
      log.error({ err }, "sweeping the nodes failed");
    }
  }, sweepMs);
  sweeper.unref();

  /** What the other thread read and checked. Never throws: what is wrong with one report is not the others' matter. */
  const merge = (reports: readonly AgentReport[], refused: number): Outcome => {
    const unplaced: number[] = [];
    const failed: number[] = [];
    for (const [place, report] of reports.entries()) {
      try {
        if (!board.report(report)) unplaced.push(place);
      } catch (err) {
        log.error({ err, nodeName: report.nodeName }, "a report could not be merged");
        failed.push(place);
      }
    }
    metrics.reported(reports.length - unplaced.length - failed.length);
    metrics.refused(refused);
    broadcast.catchUp();
    pages.catchUp();
    return { unplaced, failed };
  };

  return {
    takeReportsAt: (address, { hostGuard = false } = {}) =>
      startReportThread({
        address,
        hostGuard,
        limits,
        trustedProxies,
        reports: merge,
        review: options.agents?.review,
        ...(options.agents === undefined ? {} : { serviceAccounts: options.agents.serviceAccounts }),
        ...(options.agentToken === undefined ? {} : { agentToken: options.agentToken }),
        log,
      }),
    group: pullRoutes({
      board,
      ring,
      broadcast,
      pages,
      clients: createClientLimits(limits),
      addressOf: clientAddresses(trustedProxies),
      lists,
      metrics,
      limits,
      historyTtlMs,
      clock,
      kubernetes: options.pods !== undefined,
      ...(options.agentToken === undefined ? {} : { agentToken: options.agentToken }),
      ...(options.agents === undefined ? {} : { agents: reviewedAgents(options.agents) }),
    }),
    health: {
      name: "pulltrace",
      check() {
        const now = performance.now();
        if (now - sweptAt > latestSweepMs) {
          return Promise.reject(new Error(`the nodes were last looked at ${Math.round((now - sweptAt) / 1000)} s ago`));
        }
        return Promise.resolve(
          now - droppedAt < warnForMs ? { warning: "the server is full; see pulltrace_dropped_total" } : undefined,
        );
      },
    },
    close() {
      clearInterval(sweeper);
      leavePods?.();
      broadcast.close();
      pages.close();
      lists.close();
      metrics.close();
    },
  };
}

/** The structured log line of a pull is its event. Layers are in it; their own events would be noise. */
function logEvent(log: Logger, { event }: Emission): void {
  if (event.pull === undefined) return;
  if (event.type === "pull.progress") log.debug(event);
  else log.info(event);
}
