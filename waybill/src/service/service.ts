import { UserError } from "@waybill/foundation/errors";
import type { Authenticator } from "@waybill/foundation/auth";
import type { Address } from "@waybill/foundation/config";
import {
  createApp,
  healthGroup,
  metricsGroup,
  startServer,
  type HealthCheck,
  type RouteGroup,
} from "@waybill/foundation/http";
import type { Logger, Registry } from "@waybill/foundation/telemetry";
import { BusyError } from "../errors/index.ts";
import { exposureWarning, type Exposure } from "./exposure.ts";

const hourMs = 3_600_000;

export interface ServiceInit {
  readonly groups: readonly RouteGroup[];
  readonly checks: readonly HealthCheck[];
  readonly authenticator: Authenticator;
  readonly exposure: Exposure;
  readonly http: Address;
  readonly metrics: Address;
  readonly registry: Registry;
  readonly log: Logger;
  /** Milliseconds that running requests get at the end; 10 s when absent. */
  readonly drainTimeoutMs?: number;
}

export interface RunningService {
  readonly url: string;
  readonly metricsUrl: string;
  readonly exposure: Exposure;
  /** Drains the API, then ends the metrics, so that the last request is still counted. */
  close(): Promise<void>;
}

/** An address that is taken is a matter of its own: programs and people react to it differently (exit code 3). */
export async function listen<T>(flag: string, start: () => Promise<T>): Promise<T> {
  try {
    return await start();
  } catch (error) {
    if (error instanceof UserError && error.cause instanceof Error && "code" in error.cause) {
      if (error.cause.code === "EADDRINUSE") {
        throw new BusyError(
          error.message,
          `End the program that listens there, or choose another address with ${flag}.`,
        );
      }
    }
    throw error;
  }
}

/** One HTTP address for everybody, one for Prometheus; health on the first. */
export async function startService(init: ServiceInit): Promise<RunningService> {
  await using stack = new AsyncDisposableStack();
  const warning = exposureWarning(init.exposure);
  const checks: HealthCheck[] = [...init.checks];
  if (warning !== undefined) {
    checks.push({ name: "authentication", check: () => Promise.resolve({ warning }) });
    init.log.warn(warning);
    const reminder = setInterval(() => init.log.warn(warning), hourMs);
    reminder.unref();
    stack.defer(() => clearInterval(reminder));
  }
  const metricsApp = createApp({
    groups: [metricsGroup(init.registry), healthGroup(checks)],
    authenticator: init.authenticator,
    log: init.log,
  });
  const metrics = await listen("--metrics", () =>
    startServer({ app: metricsApp, address: init.metrics, log: init.log, drainTimeoutMs: 2000 }),
  );
  stack.defer(() => metrics.close());

  const app = createApp({
    groups: [healthGroup(checks), ...init.groups],
    authenticator: init.authenticator,
    log: init.log,
    registry: init.registry,
    // Only where nothing else keeps strangers out: a page of another site must not act through this machine's browser.
    hostGuard: init.exposure === "open on loopback",
  });
  const api = await listen("--http", () =>
    startServer({
      app,
      address: init.http,
      log: init.log,
      ...(init.drainTimeoutMs === undefined ? {} : { drainTimeoutMs: init.drainTimeoutMs }),
    }),
  );
  stack.defer(() => api.close());

  const running = stack.move();
  return {
    url: api.url,
    metricsUrl: `${metrics.url}/metrics`,
    exposure: init.exposure,
    close: () => running.disposeAsync(),
  };
}
