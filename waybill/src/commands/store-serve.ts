import type { Command } from "commander";
import { startStoreService, storeServiceSettings } from "../assembly/index.ts";
import { serve } from "./serve.ts";
import { addSettings, settingsOf } from "./settings-options.ts";

const help = `
Examples:
  waybill store serve                                        http://127.0.0.1:8080, bytes in ./waybill-data
  waybill store serve --root /var/lib/registry --http 127.0.0.1:5000
  JWT_SIGNING_KEY=$(cat key) waybill store serve --http :5000

  skopeo copy --dest-tls-verify=false oci:./image:latest docker://127.0.0.1:8080/team-a/web:1.0
`;

export function configure(command: Command): void {
  addSettings(command, storeServiceSettings);
  command.addHelpText("after", help).action(async (options: Record<string, unknown>) => {
    const settings = settingsOf(storeServiceSettings, options);
    await serve("store", settings, (log) => startStoreService(settings, log));
  });
}
