import type { Command } from "commander";
import { tableOf } from "../terminal/index.ts";
import { print, printJson } from "./store-output.ts";
import { addPlace, withPlace } from "./store-place.ts";

const help = `
Who is told of events, and how that fares: up to which event it is settled, and how often the next one has failed.

Examples:
  waybill store webhook list
  waybill store webhook list --json | jq -r 'select(.failures > 0) | .url'
`;

export function configure(command: Command): void {
  addPlace(command)
    .option("--json", "as JSON, one line for each subscription")
    .addHelpText("after", help)
    .action(async (options: Record<string, unknown>) => {
      await withPlace(options, async ({ webhooks }) => {
        const items = await webhooks.list();
        if (options["json"] === true) return items.forEach(printJson);
        const rows = items.map((item) => [
          item.id,
          item.tenant ?? "-",
          item.url,
          item.types.join(" "),
          String(item.cursor),
          String(item.failures),
        ]);
        print(tableOf(["webhook", "tenant", "url", "types", "settled", "failures"], rows));
      });
    });
}
