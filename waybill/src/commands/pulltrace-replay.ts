import { setting } from "@waybill/foundation/config";
import { agentSettings, serverSettings } from "@waybill/pulltrace/settings";
import type { Command } from "commander";
import { endingSignal, logTo } from "../terminal/index.ts";
import { addSettings, settingsOf } from "./settings-options.ts";

const help = `
Sends the reports of FILE as if they happened now. The server, the page and the API mark every pull of it as a recording.

Examples:
  waybill pulltrace replay pulls.jsonl --server-url http://127.0.0.1:8080
  waybill pulltrace replay pulls.jsonl.gz --server-url http://127.0.0.1:8080 --speed 10
`;

const replaySettings = {
  serverUrl: agentSettings.serverUrl,
  agentToken: { ...serverSettings.agentToken, describe: agentSettings.agentToken.describe },
  speed: setting.string({
    env: "PULLTRACE_REPLAY_SPEED",
    flag: "speed",
    describe: "how many times as fast as it was",
    default: "1",
    pattern: /^(?!0+(\.0+)?$)\d{1,4}(\.\d{1,3})?$/,
    allowed: "a number above 0 such as 1, 0.5 or 10",
  }),
} as const;

export function configure(command: Command): void {
  addSettings(command, replaySettings);
  command
    .argument("<file>", "a recording, made by waybill pulltrace record")
    .addHelpText("after", help)
    .action(async (file: string, options: Record<string, unknown>) => {
      const { serverUrl, agentToken, speed } = settingsOf(replaySettings, options);
      const [{ createLogger }, { replayRecording }] = await Promise.all([
        import("@waybill/foundation/telemetry"),
        import("@waybill/pulltrace/recording"),
      ]);
      const log = createLogger({ level: "info", name: "pulltrace-replay", destination: logTo(process.stdout, "auto") });
      const ending = new AbortController();
      void endingSignal().then(() => ending.abort());
      log.info({ file, server: serverUrl, speed: Number(speed) }, "replaying");
      await replayRecording(file, {
        serverUrl,
        speed: Number(speed),
        log,
        signal: ending.signal,
        ...(agentToken === undefined ? {} : { agentToken }),
      });
      log.info("ended");
    });
}
