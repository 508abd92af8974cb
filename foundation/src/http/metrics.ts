import { Counter, Gauge, Histogram, type Registry } from "../telemetry/index.ts";
import { access } from "../auth/index.ts";
import type { RouteGroup } from "./route.ts";

export interface HttpMetrics {
  /** Call when a request begins; call what it returns when the response is over. */
  begin(): (labels: {
    readonly group: string;
    readonly method: string;
    readonly route: string;
    readonly status: number;
  }) => void;
}

/** Labels hold the route's pattern and never a path, so that their number is bounded. */
export function httpMetrics(registry: Registry): HttpMetrics {
  const requests = new Counter({
    name: "waybill_http_requests_total",
    help: "Requests answered",
    labelNames: ["group", "method", "route", "status"],
    registers: [registry],
  });
  const durations = new Histogram({
    name: "waybill_http_request_duration_seconds",
    help: "Time from the head of a request to the end of its response",
    labelNames: ["group", "method", "route"],
    buckets: [0.005, 0.025, 0.1, 0.5, 1, 5, 30, 120, 600],
    registers: [registry],
  });
  const active = new Gauge({
    name: "waybill_http_requests_active",
    help: "Requests being answered",
    registers: [registry],
  });
  return {
    begin() {
      active.inc();
      const startedAt = performance.now();
      return ({ group, method, route, status }) => {
        active.dec();
        requests.inc({ group, method, route, status });
        durations.observe({ group, method, route }, (performance.now() - startedAt) / 1000);
      };
    },
  };
}

/** `GET /metrics` in the text format of Prometheus. */
export function metricsGroup(registry: Registry): RouteGroup {
  return {
    name: "metrics",
    routes: [
      {
        method: "GET",
        path: "/metrics",
        access: access.public,
        handler: async () =>
          new Response(await registry.metrics(), { headers: { "content-type": registry.contentType } }),
      },
    ],
  };
}
