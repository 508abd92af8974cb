import { failureCodes } from "../contract/index.ts";
import { Counter, Gauge, Histogram, type Registry } from "@waybill/foundation/telemetry";
import type { Emission } from "./emission.ts";

/** Names and buckets are the contract's; labels have a fixed set of values, so that no agent can add series. */
export interface PullMetrics {
  emitted(emissions: readonly Emission[]): void;
  arrived(bytes: number): void;
  reported(count: number): void;
  refused(count: number): void;
  dropped(what: "pulls" | "layers" | "history" | "nodes" | "state", count: number): void;
  clientDropped(): void;
  /** Updates of a page that slow clients did not get. */
  updatesSkipped(count: number): void;
  close(): void;
}

export interface PullGauges {
  activePulls(): number;
  connectedAgents(): number;
  streamClients(): number;
}

export function createPullMetrics(registry: Registry, gauges: PullGauges): PullMetrics {
  const registers = [registry];
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value());
      },
    });
  gauge("pulltrace_pulls_active", "Image pulls that run now", () => gauges.activePulls());
  gauge("pulltrace_agents_connected", "Agents that report now", () => gauges.connectedAgents());
  gauge("pulltrace_sse_clients_active", "Clients of the event stream", () => gauges.streamClients());
  const pulls = new Counter({ name: "pulltrace_pulls_total", help: "Image pulls seen to begin", registers });
  const errors = new Counter({
    name: "pulltrace_pull_errors_total",
    help: "Image pulls that failed or were given up",
    registers,
  });
  const failures = new Counter({
    name: "pulltrace_pull_failures_total",
    help: "The same by cause, as far as it was known when the end was told",
    labelNames: ["code"],
    registers,
  });
  for (const code of failureCodes) failures.inc({ code }, 0);
  const bytes = new Counter({
    name: "pulltrace_pull_bytes_total",
    help: "Bytes of image layers downloaded",
    registers,
  });
  const reports = new Counter({
    name: "pulltrace_agent_reports_total",
    help: "Reports of agents that were taken",
    registers,
  });
  const duration = new Histogram({
    name: "pulltrace_pull_duration_seconds",
    help: "Seconds from start to end of completed image pulls",
    buckets: [1, 5, 10, 30, 60, 120, 300, 600],
    registers,
  });
  const refused = new Counter({
    name: "pulltrace_reports_refused_total",
    help: "Reports of agents that were refused",
    registers,
  });
  const dropped = new Counter({
    name: "pulltrace_dropped_total",
    help: "What did not fit into the server's bounds",
    labelNames: ["what"],
    registers,
  });
  for (const what of ["pulls", "layers", "history", "nodes", "state"]) dropped.inc({ what }, 0);
  const slow = new Counter({
    name: "pulltrace_sse_clients_dropped_total",
    help: "Clients that read too slowly and were let go",
    registers,
  });
  const skipped = new Counter({
    name: "pulltrace_sse_updates_skipped_total",
    help: "Updates of the page's stream that slow clients did not get; they got a fresh snapshot instead",
    registers,
  });

  return {
    emitted(emissions) {
      for (const { event, counted, begins } of emissions) {
        if (!counted || event.pull === undefined) continue;
        if (event.type === "pull.started" || begins === true) pulls.inc();
        if (event.type === "pull.failed") {
          errors.inc();
          failures.inc({ code: event.pull.failure?.code ?? "unknown" });
        } else if (event.type === "pull.completed")
          duration.observe(secondsOf(event.pull.startedAt, event.pull.completedAt));
      }
    },
    arrived: (count) => bytes.inc(count),
    reported: (count) => reports.inc(count),
    refused: (count) => refused.inc(count),
    dropped: (what, count) => dropped.inc({ what }, count),
    clientDropped: () => slow.inc(),
    updatesSkipped: (count) => skipped.inc(count),
    close() {
      for (const name of metricNames) registry.removeSingleMetric(name);
    },
  };
}

const metricNames = [
  "pulltrace_pulls_active",
  "pulltrace_agents_connected",
  "pulltrace_sse_clients_active",
  "pulltrace_pulls_total",
  "pulltrace_pull_errors_total",
  "pulltrace_pull_failures_total",
  "pulltrace_pull_bytes_total",
  "pulltrace_agent_reports_total",
  "pulltrace_pull_duration_seconds",
  "pulltrace_reports_refused_total",
  "pulltrace_dropped_total",
  "pulltrace_sse_clients_dropped_total",
  "pulltrace_sse_updates_skipped_total",
] as const;

function secondsOf(startedAt: string, completedAt: string | undefined): number {
  const milliseconds = Date.parse(completedAt ?? startedAt) - Date.parse(startedAt);
  return Math.max(0, milliseconds) / 1_000;
}
