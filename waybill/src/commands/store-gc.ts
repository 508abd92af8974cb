import type { Command } from "commander";
import type { CollectionReport } from "../store-access/index.ts";
import { humanBytes, interruptible } from "../terminal/index.ts";
import { print, printJson, stepLine } from "./store-output.ts";
import { addPlace, withPlace } from "./store-place.ts";

const help = `
What goes: manifests that expired or went with their index or subject, and blobs that no manifest names and nobody was
told of lately. A blob is condemned first, and deleted by a later run after its grace. A running server does the same by
itself; --server asks it to do it now, for which one must be above all tenants. Ctrl-C stops it between two steps.

Examples:
  waybill store gc --dry-run                  what would go, why, and how many bytes that gives back
  waybill store gc --root /var/lib/registry
  waybill store gc --server http://127.0.0.1:8080 --dry-run
  waybill store gc --dry-run --json | jq .bytesFreed
`;

export function configure(command: Command): void {
  addPlace(command)
    .option("--dry-run", "say what would be done, and do nothing")
    .option("--json", "the plan, or what was done, as JSON")
    .addHelpText("after", help)
    .action(async (options: Record<string, unknown>) => {
      const dry = options["dryRun"] === true;
      const json = options["json"] === true;
      await withPlace(options, async ({ collection }) => {
        const say = (step: CollectionReport["steps"][number]): void => void (json || print(stepLine(step)));
        const done = dry
          ? await collection.plan()
          : await interruptible("The next run goes on from there.", (signal) => collection.run(say, signal));
        if (dry) for (const step of done.steps) say(step);
        if (json) printJson(done);
        else print(summary(done, dry));
      });
    });
}

function summary(report: CollectionReport, dry: boolean): string {
  const verb = dry ? "would be" : "were";
  const later = report.bytesCondemned === 0 ? "" : `; ${humanBytes(report.bytesCondemned)} more after their grace`;
  return `${report.steps.length} steps, ${humanBytes(report.bytesFreed)} ${verb} given back${later}\n`;
}
