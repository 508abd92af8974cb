import type { Command } from "commander";
import { printJson } from "./store-output.ts";
import { addPlace, withPlace } from "./store-place.ts";

const help = `
Ends a policy; tags that it removed do not come back. Exit code 4 when there is none of this name. Needs a role above all
tenants.

Examples:
  waybill store tag-policy remove few
`;

export function configure(command: Command): void {
  addPlace(command)
    .argument("<name>", "the policy")
    .option("--json", "as JSON: which one")
    .addHelpText("after", help)
    .action(async (name: string, options: Record<string, unknown>) => {
      await withPlace(options, ({ tagPolicies }) => tagPolicies.remove(name));
      if (options["json"] === true) printJson({ removed: name });
    });
}
