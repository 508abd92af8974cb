import type { SettingsOf } from "@waybill/foundation/config";
import { createLogger } from "@waybill/foundation/telemetry";
import { startAgent } from "@waybill/pulltrace/agent";
import type { agentSettings } from "@waybill/pulltrace/settings";
import { closeOnSignal, logTo } from "../terminal/index.ts";
import { programVersion } from "../version/index.ts";

/**
 * Runs until a signal ends it.
 * @throws UserError when the socket's path is not permitted.
 */
export async function runAgent(settings: SettingsOf<typeof agentSettings>): Promise<void> {
  const log = createLogger({
    level: settings.logLevel,
    name: "pulltrace-agent",
    destination: logTo(process.stdout, "auto"),
  });
  const { reportInterval, agentToken, agentTokenFile, metricsAddress, ...rest } = settings;
  const agent = await startAgent({
    ...rest,
    reportIntervalMs: reportInterval,
    ...(agentToken === undefined ? {} : { agentToken }),
    ...(agentTokenFile === undefined ? {} : { agentTokenFile }),
    ...(metricsAddress === undefined ? {} : { metricsAddress }),
    agentVersion: programVersion,
    log,
  });
  log.info({ node: settings.nodeName, server: settings.serverUrl, socket: settings.containerdSocket }, "ready");
  await closeOnSignal(log, () => agent.close());
}
