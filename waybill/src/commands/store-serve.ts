import type { Command } from "commander";
import { storeServiceSettings } from "../settings/index.ts";
import { addSettings, settingsOf } from "./settings-options.ts";

const help = `
Examples:
  waybill store serve                                        http://127.0.0.1:8080, bytes in ./waybill-data
  waybill store serve --root /var/lib/registry --http 127.0.0.1:5000
  waybill store serve --http :5000 --jwt-signing-key-file key

  skopeo copy --dest-tls-verify=false oci:./image:latest docker://127.0.0.1:8080/team-a/web:1.0
`;

export function configure(command: Command): void {
  addSettings(command, storeServiceSettings);
  command.addHelpText("after", help).action(async (options: Record<string, unknown>) => {
    const settings = settingsOf(storeServiceSettings, options);
    const [{ serve }, { startStoreService }] = await Promise.all([
      import("./serve.ts"),
      import("../store-service/index.ts"),
    ]);
    await serve("store", settings, (log) => startStoreService(settings, log));
  });
}
