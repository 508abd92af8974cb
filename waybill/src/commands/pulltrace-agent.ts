import { agentSettings } from "@waybill/pulltrace/settings";
import type { Command } from "commander";
import { closeOnSignal, logTo } from "../terminal/index.ts";
import { programVersion } from "../version/index.ts";
import { addSettings, settingsOf } from "./settings-options.ts";

const help = `
Reads containerd and changes nothing there. It needs the right to open containerd's socket: root, as a rule.

Examples:
  waybill pulltrace agent --node-name "$(hostname)" --server-url http://127.0.0.1:8080
  PULLTRACE_AGENT_TOKEN=$(cat waybill-data/agent.token) waybill pulltrace agent --node-name n1 --server-url https://waybill.example
`;

// The agent runs on every node and stays small: this file imports no web framework and no database.
export function configure(command: Command): void {
  addSettings(command, agentSettings);
  command.addHelpText("after", help).action(async (options: Record<string, unknown>) => {
    const settings = settingsOf(agentSettings, options);
    const [{ createLogger }, { startAgent }] = await Promise.all([
      import("@waybill/foundation/telemetry"),
      import("@waybill/pulltrace/agent"),
    ]);
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
  });
}
