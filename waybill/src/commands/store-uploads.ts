import type { UploadListing } from "@waybill/artifact-store/http";
import type { Command } from "commander";
import { humanBytes } from "../terminal/index.ts";
import { list } from "./store-ls.ts";
import { printJson } from "./store-output.ts";
import { addPlace, withPlace } from "./store-place.ts";

const help = `
Uploads that run or wait to be continued: how far each is, and when it ends unless somebody goes on. A tenant sees its own.
One that has no bytes yet appears a second after it began.

Examples:
  waybill store uploads
  waybill store uploads --json | jq -r 'select(.offset > 1000000) | .id'
  waybill store uploads --cancel 0d9e0a6c-7a56-4d43-9a3b-0c3a52b6d8f1
`;

export function configure(command: Command): void {
  addPlace(command)
    .option("--cancel <id>", "end this one, and give its bytes back")
    .option("--limit <number>", "at most so many")
    .option("--cursor <text>", "go on where a list with --limit ended")
    .option("--json", "as JSON, one line for each")
    .addHelpText("after", help)
    .action(async (options: Record<string, unknown>) => {
      await withPlace(options, async ({ uploads }) => {
        const id = options["cancel"];
        if (typeof id === "string") {
          await uploads.cancel(id);
          if (options["json"] === true) printJson({ cancelled: id });
          return;
        }
        await list(options, (page) => uploads.list(page), row, ["upload", "repository", "bytes", "begun", "ends"]);
      });
    });
}

function row({ id, repository, offset, createdAt, expiresAt }: UploadListing): readonly string[] {
  return [id, repository, humanBytes(offset), createdAt, expiresAt];
}
