import type { Command } from "commander";
import { pullServiceSettings } from "../settings/index.ts";
import { addSettings, settingsOf } from "./settings-options.ts";

const help = `
Examples:
  waybill pulltrace server --http-addr 127.0.0.1:8080 --metrics-addr 127.0.0.1:9090
  waybill pulltrace server --agent-token-file token --jwt-signing-key-file key
`;

export function configure(command: Command): void {
  addSettings(command, pullServiceSettings);
  command.addHelpText("after", help).action(async (options: Record<string, unknown>) => {
    const settings = settingsOf(pullServiceSettings, options);
    const [{ serve }, { startPullService }] = await Promise.all([
      import("./serve.ts"),
      import("../pull-service/index.ts"),
    ]);
    await serve("pulltrace-server", settings, (log) => startPullService(settings, log));
  });
}
