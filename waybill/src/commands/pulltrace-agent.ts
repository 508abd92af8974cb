import { agentSettings } from "@waybill/pulltrace/settings";
import type { Command } from "commander";
import { addSettings, settingsOf } from "./settings-options.ts";

const help = `
Reads containerd and changes nothing there. It needs the right to open containerd's socket: root, as a rule.

Examples:
  waybill pulltrace agent --node-name "$(hostname)" --server-url http://127.0.0.1:8080
  waybill pulltrace agent --agent-token-file waybill-data/agent.token --node-name n1 --server-url https://waybill.example
`;

export function configure(command: Command): void {
  addSettings(command, agentSettings);
  command.addHelpText("after", help).action(async (options: Record<string, unknown>) => {
    const settings = settingsOf(agentSettings, options);
    // The agent runs on every node and stays small. Loaded through one file that names what it takes of others: a bundle
    // holds all that a folder has when that folder itself is what is loaded late.
    const { runAgent } = await import("../agent/index.ts");
    await runAgent(settings);
  });
}
