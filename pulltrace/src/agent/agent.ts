import type { Address } from "@waybill/foundation/config";
import type { HealthCheck } from "@waybill/foundation/http";
import { createReporter } from "./reporter/index.ts";
import { type NodeWatchOptions, watchNode } from "./node-watch.ts";
import { startStatusServer } from "./status-server.ts";
import { tokenFile } from "./token-file.ts";

export interface AgentOptions extends Omit<NodeWatchOptions, "report" | "unheardMs"> {
  readonly serverUrl: string;
  readonly agentToken?: string;
  /** File with the token, read again as it changes; wins over `agentToken`. */
  readonly agentTokenFile?: string;
  /** Where the agent's own metrics and health are served; nowhere when left out. */
  readonly metricsAddress?: Address;
}

export interface Agent {
  /** Fails while containerd does not answer or reports do not arrive. */
  readonly health: HealthCheck;
  /** Where metrics and health are served, if they are. */
  readonly statusUrl: string | undefined;
  /** Ends the rounds, sends the last report if the server takes it within two seconds, closes every connection. */
  close(): Promise<void>;
}

/**
 * Watches one containerd and reports its pulls once a period. Starts also while containerd or the server are away, and
 * waits for them.
 * @throws UserError when the socket's path is not permitted.
 */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const agentToken = options.agentTokenFile === undefined ? options.agentToken : tokenFile(options.agentTokenFile);
  const reporter = createReporter({
    serverUrl: options.serverUrl,
    ...(agentToken === undefined ? {} : { agentToken }),
    log: options.log,
  });
  const monitor = watchNode({
    ...options,
    report: (report) => reporter.send(report),
    unheardMs: () => reporter.unheardMs,
  });
  const troubles = () =>
    [
      monitor.trouble === undefined ? "" : `containerd: ${monitor.trouble}`,
      reporter.trouble === undefined ? "" : `server: ${reporter.trouble}`,
    ].filter((text) => text !== "");
  const stop = async () => {
    await monitor.close();
    await reporter.close(2_000);
  };
  const status =
    options.metricsAddress === undefined
      ? undefined
      : await startStatusServer(options.metricsAddress, () => ({
          troubles: troubles(),
          metrics: [
            {
              name: "pulltrace_agent_looks_total",
              help: "Looks at containerd.",
              kind: "counter",
              value: monitor.looks,
            },
            {
              name: "pulltrace_agent_failed_looks_total",
              help: "Looks that containerd did not answer.",
              kind: "counter",
              value: monitor.failedLooks,
            },
            {
              name: "pulltrace_agent_look_seconds_total",
              help: "Time spent looking.",
              kind: "counter",
              value: monitor.busyMs / 1000,
            },
            {
              name: "pulltrace_agent_reports_sent_total",
              help: "Reports that the server took.",
              kind: "counter",
              value: reporter.sent,
            },
            {
              name: "pulltrace_agent_reports_failed_total",
              help: "Reports that did not arrive.",
              kind: "counter",
              value: reporter.failed,
            },
            {
              name: "pulltrace_agent_pulls_active",
              help: "Pulls that run on this node.",
              kind: "gauge",
              value: monitor.activePulls,
            },
            {
              name: "process_resident_memory_bytes",
              help: "Resident memory.",
              kind: "gauge",
              value: process.memoryUsage.rss(),
            },
          ],
        })).catch(async (error: unknown) => {
          await stop();
          throw error;
        });
  return {
    statusUrl: status?.url,
    health: {
      name: "pulltrace-agent",
      check() {
        const found = troubles();
        return found.length === 0 ? Promise.resolve() : Promise.reject(new Error(found.join("; ")));
      },
    },
    async close() {
      await status?.close();
      await stop();
    },
  };
}
