import type { RelocationResult } from "@waybill/artifact-store";
import type { Command } from "commander";
import { UnsoundError } from "../errors/index.ts";
import { storeServiceSettings, upSettings } from "../settings/index.ts";
import { humanBytes, interruptible } from "../terminal/index.ts";
import { blobProgress } from "./blob-progress.ts";
import { addSettings, settingsOf } from "./settings-options.ts";
import { print, printJson } from "./store-output.ts";

const help = `
Copies every blob and every unfinished upload, checks the digest of each while it is copied, and makes the new place the
one of this store. May be stopped at any moment, also by kill -9, and run again: it goes on where it was. The old place
keeps what it has; remove it yourself when you are content.

This is for a store that no server holds. A running one moves while it serves: start it again with --blobs NEW
--blobs-from OLD, and leave --blobs-from out when its log says that all blobs are moved. Credentials for S3 are taken from
where the AWS tools take them (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, a profile, a role).

Examples:
  waybill store migrate --from file:///var/lib/registry --to "s3://blobs/prod?endpoint=https://s3.example.com"
  waybill store migrate --root /var/lib/registry --from s3://blobs/prod --to file:///var/lib/registry --json
`;

const migrateSettings = { root: storeServiceSettings.root, databaseUrl: upSettings.databaseUrl } as const;

export function configure(command: Command): void {
  addSettings(command, migrateSettings)
    .requiredOption("--from <address>", "where the blobs are: file:///folder or s3://bucket/prefix?endpoint=…")
    .requiredOption("--to <address>", "where they shall be")
    .option("--json", "what was done, as JSON")
    .option("--quiet", "no progress")
    .addHelpText("after", help)
    .action(async (options: Record<string, unknown>) => {
      const { root, databaseUrl } = settingsOf(migrateSettings, options);
      const [from, to] = [String(options["from"]), String(options["to"])];
      const { openStoreOf } = await import("../store-folder/index.ts");
      const opened = await openStoreOf(root, databaseUrl, false, { blobs: to, blobsFrom: from });
      try {
        const { relocation } = opened.store;
        const progress = blobProgress("migrate", options["quiet"] === true);
        const result = await interruptible("Run it again: it goes on where it was.", async (signal) =>
          relocation?.run({ signal, onProgress: progress.tell }),
        );
        progress.end();
        tell(result, to, options["json"] === true);
      } finally {
        await opened.close();
      }
    });
}

function tell(result: RelocationResult | undefined, to: string, json: boolean): void {
  if (json) printJson(result ?? { copied: 0, bytesCopied: 0, present: 0, uploads: 0, damaged: [] });
  else if (result === undefined) print("nothing to move: the blobs are there already\n");
  else {
    const { copied, bytesCopied, present, uploads, damaged } = result;
    for (const { digest, detail } of damaged) print(`damaged ${digest}: ${detail}\n`);
    print(
      `${copied} blobs copied (${humanBytes(bytesCopied)}), ${present} were there, ${uploads} uploads taken over\n`,
    );
    print(`start the server with --blobs '${to}' from now on\n`);
  }
  if (result === undefined || result.damaged.length === 0) return;
  throw new UnsoundError(
    `${result.damaged.length} blobs were missing or damaged before they were moved`,
    "Push them again: a blob that is pushed once more is healed.",
  );
}
