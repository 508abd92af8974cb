import type { Command } from "commander";
import { parseManifestTarget } from "../store-words/index.ts";
import { print, printJson } from "./store-output.ts";
import { addPlace, withPlace } from "./store-place.ts";
import { keptAs } from "./store-show.ts";

const help = `
Nobody can delete a manifest that is held, and no collection takes it, until every hold is released. A hold of the same
name is replaced. It says who placed it.

Examples:
  waybill store hold acme/app:v1 case-7 --why "evidence in a lawsuit"
  waybill store show acme/app:v1
  waybill store release acme/app:v1 case-7
`;

export function configure(command: Command): void {
  addPlace(command)
    .argument("<manifest>", "REPOSITORY:TAG or REPOSITORY@DIGEST")
    .argument("<name>", "what the hold is called")
    .requiredOption("--why <text>", "the reason, which everybody is told who meets it")
    .option("--json", "as JSON: the manifest's retention record")
    .addHelpText("after", help)
    .action(async (text: string, name: string, options: Record<string, unknown>) => {
      const { repository, reference } = parseManifestTarget(text);
      const why = String(options["why"]);
      await withPlace(options, async ({ retention }) => {
        const record = await retention.hold(repository, reference, { name, why });
        if (options["json"] === true) printJson(record);
        else print(keptAs(record));
      });
    });
}
