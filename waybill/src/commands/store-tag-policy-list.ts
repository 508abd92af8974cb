import type { TagPolicy } from "@waybill/artifact-store";
import type { Command } from "commander";
import { durationText } from "../store-words/index.ts";
import { tableOf } from "../terminal/index.ts";
import { print, printJson } from "./store-output.ts";
import { addPlace, withPlace } from "./store-place.ts";

const help = `
Rules that the store applies to tags by itself, before each collection in the background. Of several policies that match a
repository, each keeps what it keeps; where none matches all tags stay. Needs a role above all tenants.

Examples:
  waybill store tag-policy list
  waybill store tag-policy list --json | jq -r .name
`;

export function configure(command: Command): void {
  addPlace(command)
    .option("--json", "as JSON, one line for each policy; times in milliseconds")
    .addHelpText("after", help)
    .action(async (options: Record<string, unknown>) => {
      await withPlace(options, async ({ tagPolicies }) => showPolicies(await tagPolicies.list(), options));
    });
}

export function showPolicies(policies: readonly TagPolicy[], options: Readonly<Record<string, unknown>>): void {
  if (options["json"] === true) return policies.forEach(printJson);
  const rows = policies.map(({ name, matching, rules }) => [
    name,
    matching,
    rules.last === undefined ? "-" : String(rules.last),
    rules.matching?.join(" ") ?? "-",
    rules.usedWithinMs === undefined ? "-" : durationText(rules.usedWithinMs),
  ]);
  print(tableOf(["policy", "repositories", "keeps last", "keeps names", "keeps used within"], rows));
}
