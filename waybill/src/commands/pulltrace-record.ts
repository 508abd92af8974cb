import { hostname } from "node:os";
import { setting } from "@waybill/foundation/config";
import { UserError } from "@waybill/foundation/errors";
import { agentSettings } from "@waybill/pulltrace/settings";
import type { Command } from "commander";
import { closeOnSignal, logTo } from "../terminal/index.ts";
import { programVersion } from "../version/index.ts";
import { addSettings, settingsOf } from "./settings-options.ts";

const help = `
Watches this machine's containerd as an agent does and keeps its reports in FILE instead of sending them; a name that
ends in .gz compresses it. The file holds names of images and of this node, and no secret. Ctrl-C ends it.

Examples:
  waybill pulltrace record pulls.jsonl
  waybill pulltrace record pulls.jsonl.gz --note "slow pull on node-7"
`;

const recordSettings = {
  nodeName: setting.string({
    env: "PULLTRACE_NODE_NAME",
    describe: "name of this node in the recording; the host's name when absent",
    optional: true,
    maxLength: 253,
  }),
  containerdSocket: agentSettings.containerdSocket,
  allowedSockets: agentSettings.allowedSockets,
  reportInterval: agentSettings.reportInterval,
  note: setting.string({
    env: "PULLTRACE_RECORDING_NOTE",
    flag: "note",
    describe: "a sentence about what is recorded",
    optional: true,
    maxLength: 500,
  }),
} as const;

export function configure(command: Command): void {
  addSettings(command, recordSettings);
  command
    .argument("<file>", "the recording; must not exist yet")
    .addHelpText("after", help)
    .action(async (file: string, options: Record<string, unknown>) => {
      const settings = settingsOf(recordSettings, options);
      const [{ createLogger }, { startRecorder }] = await Promise.all([
        import("@waybill/foundation/telemetry"),
        import("../recorder/index.ts"),
      ]);
      const log = createLogger({ level: "info", name: "pulltrace-record", destination: logTo(process.stdout, "auto") });
      const recorder = await startRecorder({
        ...settings,
        nodeName: settings.nodeName ?? hostname(),
        file,
        version: programVersion,
        log,
      }).catch((error: unknown) => {
        if (error instanceof UserError || !(error instanceof Error) || !("code" in error)) throw error;
        const taken = error.code === "EEXIST";
        throw new UserError(
          taken ? `${file} is there already` : `${file} cannot be written: ${error.message}`,
          taken ? "Choose another name: a recording is never overwritten." : "Choose a folder that you may write to.",
        );
      });
      log.info({ file, socket: settings.containerdSocket }, "recording");
      await closeOnSignal(log, () => recorder.close());
      log.info({ reports: recorder.reports() }, "recorded");
    });
}
