import type { Command } from "commander";
import { managerServiceSettings } from "../settings/index.ts";
import { programVersion } from "../version/index.ts";
import { addSettings, settingsOf } from "./settings-options.ts";

const help = `
Examples:
  waybill kubenova manager                                   http://127.0.0.1:8080, data in ./waybill-data
  DATABASE_URL=postgres://waybill@db/waybill waybill kubenova manager --http :8080 --jwt-signing-key-file key
`;

export function configure(command: Command): void {
  addSettings(command, managerServiceSettings);
  command.addHelpText("after", help).action(async (options: Record<string, unknown>) => {
    const settings = settingsOf(managerServiceSettings, options);
    const [{ serve }, { startManagerService }] = await Promise.all([
      import("./serve.ts"),
      import("../manager-service/index.ts"),
    ]);
    await serve("kubenova", settings, (log) => startManagerService(settings, log, programVersion));
  });
}
