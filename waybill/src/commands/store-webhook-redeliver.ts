import type { Command } from "commander";
import { UsageError } from "../errors/index.ts";
import { print, printJson } from "./store-output.ts";
import { addPlace, withPlace } from "./store-place.ts";

const help = `
Sends an event that was given up once more, now, and out of its order; it is a dead letter no longer when that succeeds. Exit
code 1 and the reason when it fails, 4 when it is no dead letter. From a folder, addresses in private networks are refused.

Examples:
  waybill store webhook redeliver 8c0b54c6-7d3f-4c0e-9a4e-0a8f6f0d2b11 42
`;

export function configure(command: Command): void {
  addPlace(command)
    .argument("<webhook>", "its id")
    .argument("<event>", "number of the event")
    .option("--json", "as JSON: which one")
    .addHelpText("after", help)
    .action(async (id: string, text: string, options: Record<string, unknown>) => {
      if (!/^\d{1,15}$/.test(text)) {
        throw new UsageError("an event is named by its number", "waybill store webhook dead-letters lists them.");
      }
      const number = Number(text);
      await withPlace(options, ({ webhooks }) => webhooks.redeliver(id, number));
      if (options["json"] === true) printJson({ redelivered: number });
      else print(`event ${number} is delivered\n`);
    });
}
