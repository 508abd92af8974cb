import { parseSavedPlan } from "@waybill/artifact-store";
import { planOf } from "@waybill/artifact-store/http";
import type { Command } from "commander";
import { UsageError } from "../errors/index.ts";
import type { CollectionReport, StoreAccess } from "../store-access/index.ts";
import { readDocument, saveDocument } from "../store-words/index.ts";
import { humanBytes, interruptible } from "../terminal/index.ts";
import { print, printJson, stepLine } from "./store-output.ts";
import { addPlace, withPlace } from "./store-place.ts";

const help = `
What goes: manifests that expired or went with their index or subject, and blobs that no manifest names and nobody was
told of lately. A blob is condemned first, and deleted by a later run after its grace. A running server does the same by
itself; --server asks it to do it now, for which one must be above all tenants. Ctrl-C stops it between two steps.

A plan that is saved can be read by others and applied later: exactly its steps, and nothing beside them. When one of them
would not be done any more (something is held, was pulled, or went), nothing is done: exit code 7.

Examples:
  waybill store gc --dry-run                  what would go, why, and how many bytes that gives back
  waybill store gc --dry-run --save plan.json
  waybill store gc --plan plan.json
  waybill store gc --root /var/lib/registry
  waybill store gc --server http://127.0.0.1:8080 --dry-run
  waybill store gc --dry-run --json | jq .bytesFreed
`;

type Say = (step: CollectionReport["steps"][number]) => void;

export function configure(command: Command): void {
  addPlace(command)
    .option("--dry-run", "say what would be done, and do nothing")
    .option("--save <file>", "with --dry-run: keep the plan in this new file")
    .option("--plan <file>", "do what a saved plan says, and nothing beside it")
    .option("--json", "the plan, or what was done, as JSON")
    .addHelpText("after", help)
    .action(async (options: Record<string, unknown>) => {
      const { dryRun, save, plan } = options;
      const dry = dryRun === true;
      const json = options["json"] === true;
      if (save !== undefined && !dry) throw new UsageError("--save needs --dry-run", "It keeps what that would do.");
      if (plan !== undefined && dry) throw new UsageError("--plan and --dry-run exclude each other");
      const saved = typeof plan === "string" ? await readDocument(plan, parseSavedPlan) : undefined;
      await withPlace(options, async ({ collection }) => {
        const say: Say = (step) => void (json || print(stepLine(step)));
        const done = dry
          ? await planned(collection, typeof save === "string" ? save : undefined)
          : await interruptible("The next run goes on from there.", (signal) =>
              saved === undefined ? collection.run(say, signal) : collection.applyPlan(saved, say, signal),
            );
        if (dry) for (const step of done.steps) say(step);
        if (json) printJson(done);
        else print(summary(done, dry));
      });
    });
}

async function planned(collection: StoreAccess["collection"], file: string | undefined): Promise<CollectionReport> {
  if (file === undefined) return await collection.plan();
  const saved = await collection.savePlan();
  await saveDocument(file, saved);
  return planOf(saved.plan);
}

function summary(report: CollectionReport, dry: boolean): string {
  const verb = dry ? "would be" : "were";
  const later = report.bytesCondemned === 0 ? "" : `; ${humanBytes(report.bytesCondemned)} more after their grace`;
  return `${report.steps.length} steps, ${humanBytes(report.bytesFreed)} ${verb} given back${later}\n`;
}
