import type { Command } from "commander";
import { UnsoundError } from "../errors/index.ts";
import { verifyStore, type Finding } from "../store-transfer/index.ts";
import { parseTarget } from "../store-words/index.ts";
import { humanBytes, interruptible, plain, progressOn } from "../terminal/index.ts";
import { print, printJson } from "./store-output.ts";
import { addPlace, withPlace } from "./store-place.ts";

const help = `
Reads every byte of what is named, through the door that clients use, and compares it with its digest: manifests, what
they name, and for an index all of its manifests. Without WHAT everything that you may see. Exit code 6 when something is
missing or damaged. In a store that no server holds, what is damaged is marked, so that nobody is promised it until it is
pushed again; a server marks what it checks itself (--verify-reads of waybill store serve).

Examples:
  waybill store verify                                     everything
  waybill store verify acme/app
  waybill store verify acme/app:v1 --json
`;

export function configure(command: Command): void {
  addPlace(command)
    .argument("[what...]", "REPOSITORY, REPOSITORY:TAG or REPOSITORY@DIGEST")
    .option("--json", "as JSON: one line for each finding, then the sums")
    .option("--quiet", "no progress")
    .addHelpText("after", help)
    .action(async (what: readonly string[], options: Record<string, unknown>) => {
      const targets = what.map(parseTarget);
      const json = options["json"] === true;
      const tell = (finding: Finding): void => {
        if (json) printJson(finding);
        else print(`${finding.kind} ${finding.repository}@${finding.digest}: ${plain(finding.detail)}\n`);
      };
      await withPlace(options, async (access) => {
        const progress = options["quiet"] === true ? undefined : progressOn(process.stderr, "verify");
        const sums = await interruptible("Run it again.", (signal) =>
          verifyStore(access, targets, { tell, signal, ...(progress === undefined ? {} : { progress }) }),
        );
        progress?.end();
        const { manifests, blobs, bytes, findings } = sums;
        if (json) printJson(sums);
        else print(`${manifests} manifests and ${blobs} blobs, ${humanBytes(bytes)} read: ${findings} findings\n`);
        if (findings > 0) {
          throw new UnsoundError(
            `${findings} of what was read is missing or damaged`,
            "Push it again, from where it was made or from a copy: a blob that is pushed once more is healed.",
          );
        }
      });
    });
}
