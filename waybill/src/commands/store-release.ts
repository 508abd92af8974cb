import type { Command } from "commander";
import { parseManifestTarget } from "../store-words/index.ts";
import { print, printJson } from "./store-output.ts";
import { addPlace, withPlace } from "./store-place.ts";
import { keptAs } from "./store-show.ts";

const help = `
Ends a hold. What then becomes of the manifest, its class and its tags decide. Exit code 4 when there is no such hold.

Examples:
  waybill store release acme/app:v1 case-7
`;

export function configure(command: Command): void {
  addPlace(command)
    .argument("<manifest>", "REPOSITORY:TAG or REPOSITORY@DIGEST")
    .argument("<name>", "the hold")
    .option("--json", "as JSON: the manifest's retention record")
    .addHelpText("after", help)
    .action(async (text: string, name: string, options: Record<string, unknown>) => {
      const { repository, reference } = parseManifestTarget(text);
      await withPlace(options, async ({ retention }) => {
        await retention.release(repository, reference, name);
        const record = await retention.show(repository, reference);
        if (options["json"] === true) printJson(record);
        else print(keptAs(record));
      });
    });
}
