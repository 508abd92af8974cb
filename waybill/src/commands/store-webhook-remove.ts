import type { Command } from "commander";
import { printJson } from "./store-output.ts";
import { addPlace, withPlace } from "./store-place.ts";

const help = `
Ends a subscription, and a delivery that is under way. Exit code 4 when there is none of this id.

Examples:
  waybill store webhook remove 8c0b54c6-7d3f-4c0e-9a4e-0a8f6f0d2b11
`;

export function configure(command: Command): void {
  addPlace(command)
    .argument("<webhook>", "its id")
    .option("--json", "as JSON: which one")
    .addHelpText("after", help)
    .action(async (id: string, options: Record<string, unknown>) => {
      await withPlace(options, ({ webhooks }) => webhooks.remove(id));
      if (options["json"] === true) printJson({ removed: id });
    });
}
