import type { Command } from "commander";
import { UnsoundError } from "../errors/index.ts";
import { humanBytes, interruptible, plain } from "../terminal/index.ts";
import { blobProgress } from "./blob-progress.ts";
import { print, printJson } from "./store-output.ts";
import { addPlace, withPlace } from "./store-place.ts";

const help = `
Reads every byte of the store where it lies, and compares it with the catalog and its digest. Changes nothing. Of a server
one must be above all tenants; what one may see oneself, through the door that clients use, reads \`waybill store verify\`.

Exit code 6 when bytes are missing or corrupt. Bytes that nobody names are told and are no fault: they may be an upload's
that is ending at this moment, else a collection removes them after their grace.

Examples:
  waybill store audit
  waybill store audit --root /var/lib/registry --json
  waybill store audit --server http://127.0.0.1:8080
`;

export function configure(command: Command): void {
  addPlace(command)
    .option("--json", "the findings and sums, as JSON")
    .option("--quiet", "no progress")
    .addHelpText("after", help)
    .action(async (options: Record<string, unknown>) => {
      await withPlace(options, async ({ collection }) => {
        const progress = blobProgress("audit", options["quiet"] === true);
        const result = await interruptible("Nothing was changed; run it again.", (signal) =>
          collection.audit(progress.tell, signal),
        );
        progress.end();
        const { blobs, bytes, findings } = result;
        if (options["json"] === true) printJson(result);
        else {
          for (const finding of findings) print(`${finding.kind} ${finding.key}: ${plain(finding.detail)}\n`);
          print(`${blobs} blobs, ${humanBytes(bytes)} read: ${findings.length} findings\n`);
        }
        const unsound = findings.filter(({ kind }) => kind !== "unnamed").length;
        if (unsound === 0) return;
        throw new UnsoundError(
          `${unsound} ${unsound === 1 ? "blob is" : "blobs are"} missing or corrupt`,
          "Push them again, from where they were made or from a copy: a blob that is pushed once more is healed.",
        );
      });
    });
}
