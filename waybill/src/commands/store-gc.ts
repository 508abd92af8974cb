import type { CollectionPlan, CollectionStep } from "@waybill/artifact-store";
import type { Command } from "commander";
import { openStoreOf, storeServiceSettings, upSettings } from "../assembly/index.ts";
import { humanBytes } from "../terminal/index.ts";
import { addSettings, settingsOf } from "./settings-options.ts";

const help = `
What goes: manifests that expired or went with their index or subject, and blobs that no manifest names and nobody was
told of lately. A blob is condemned first, and deleted by a later run after its grace. A running server does the same by
itself; this is for a folder that no server holds.

Examples:
  waybill store gc --dry-run                  what would go, why, and how many bytes that gives back
  waybill store gc --root /var/lib/registry
  waybill store gc --dry-run --json | jq .bytesFreed
`;

const gcSettings = { root: storeServiceSettings.root, databaseUrl: upSettings.databaseUrl } as const;

export function configure(command: Command): void {
  addSettings(command, gcSettings);
  command
    .option("--dry-run", "say what would be done, and do nothing")
    .option("--json", "the plan, or what was done, as JSON")
    .addHelpText("after", help)
    .action(async (options: Record<string, unknown>) => {
      const settings = settingsOf(gcSettings, options);
      const dry = options["dryRun"] === true;
      const json = options["json"] === true;
      const opened = await openStoreOf(settings.root, settings.databaseUrl);
      const { store } = opened;
      try {
        const say = (step: CollectionStep): void => void (json || process.stdout.write(`${line(step)}\n`));
        const done = dry
          ? await store.collection.plan({ everywhere: true })
          : await store.collection.run({ everywhere: true, onProgress: ({ last }) => say(last) });
        if (dry) for (const step of done.steps) say(step);
        process.stdout.write(json ? `${JSON.stringify(done)}\n` : summary(done, dry));
      } finally {
        await opened.close();
      }
    });
}

function line(step: CollectionStep): string {
  const what = "key" in step ? step.key : "repository" in step ? `${step.repository}@${step.digest}` : step.digest;
  return `${step.kind} ${what}: ${step.sentence}`;
}

function summary(plan: CollectionPlan, dry: boolean): string {
  const verb = dry ? "would be" : "were";
  const later = plan.bytesCondemned === 0 ? "" : `; ${humanBytes(plan.bytesCondemned)} more after their grace`;
  return `${plan.steps.length} steps, ${humanBytes(plan.bytesFreed)} ${verb} given back${later}\n`;
}
