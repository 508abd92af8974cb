import { parsePolicy } from "@waybill/artifact-store/http";
import type { Command } from "commander";
import type { SimulationReport } from "../store-access/index.ts";
import { parseTime, readDocument } from "../store-words/index.ts";
import { humanBytes, interruptible, plain, tableOf } from "../terminal/index.ts";
import { print, printJson, stepLine } from "./store-output.ts";
import { addPlace, withPlace } from "./store-place.ts";

const help = `
What would be gone by a time if nobody did anything until then, and how many bytes that gives back: under the rules that
are, or under a policy that might be. It changes nothing, and looks at every manifest. Needs a role above all tenants.

A policy is a JSON file; each part may be left out. In names * stands for any characters, times are milliseconds:
  {
    "classes": [{ "name": "monthly", "lifetimeMs": 2592000000 }],
    "repositories": [{ "matching": "acme/nightly*", "class": "monthly" }],
    "tags": [{ "matching": "acme/*", "rules": { "last": 20, "matching": ["v*"], "usedWithinMs": 604800000 } }]
  }

Examples:
  waybill store simulate --at 90d                                what goes by itself
  waybill store simulate --at 2027-03-01 --policy policy.json    what would go under other rules
  waybill store simulate --at 2027-03-01 --policy policy.json --each
  waybill store simulate --at 90d --json | jq .bytesFreed
`;

export function configure(command: Command): void {
  addPlace(command)
    .requiredOption("--at <time>", "a date, a time, or 30d from now")
    .option("--policy <file>", "rules as they might be, beside those that are")
    .option("--each", "say of each tag, manifest and blob why it would go")
    .option("--json", "as JSON: a plan, and the tags that would go")
    .addHelpText("after", help)
    .action(async (options: Record<string, unknown>) => {
      const at = parseTime(String(options["at"]), "--at");
      const file = options["policy"];
      const policy = typeof file === "string" ? await readDocument(file, parsePolicy) : undefined;
      await withPlace(options, async ({ collection }) => {
        const report = await interruptible("Nothing was changed; run it again.", (signal) =>
          collection.simulate(at, policy, signal),
        );
        if (options["json"] === true) return printJson(report);
        if (options["each"] === true) print(eachOf(report));
        print(tableOfGone(report));
      });
    });
}

function eachOf({ tags, steps }: SimulationReport): string {
  const tagLines = tags.map(({ repository, tag, sentence }) => `remove-tag ${repository}:${tag}: ${plain(sentence)}\n`);
  return [...tagLines, ...steps.map(stepLine)].join("");
}

/** Bytes belong to no repository: several may show them. */
function tableOfGone({ at, tags, steps, bytesFreed }: SimulationReport): string {
  const manifests = steps.filter((step) => step.kind === "delete-manifest");
  const names = new Set([...tags, ...manifests].map(({ repository }) => repository));
  const rows = [...names].toSorted().map((name) => {
    const count = (all: readonly { readonly repository: string }[]): string =>
      String(all.filter(({ repository }) => repository === name).length);
    return [name, count(tags), count(manifests), "-"];
  });
  const all = ["all", String(tags.length), String(manifests.length), humanBytes(bytesFreed)];
  return `${tableOf(["repository", "tags", "manifests", "bytes"], [...rows, all])}gone by ${at}\n`;
}
