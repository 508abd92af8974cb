import type { TagRules } from "@waybill/artifact-store";
import type { Command } from "commander";
import { UsageError } from "../errors/index.ts";
import { parseLifetime } from "../store-words/index.ts";
import { addPlace, withPlace } from "./store-place.ts";
import { showPolicies } from "./store-tag-policy-list.ts";

const help = `
Makes a policy, or replaces the one of this name. From the next collection in the background on, the store removes the tags
of matching repositories that no policy keeps. What judge says comes first; a manifest without tags is kept or goes by its
class (waybill store class --untagged). Needs a role above all tenants.

Examples:
  waybill store tag-policy put few "acme/nightly*" --last 20 --used-within 30d
  waybill store tag-policy put few "acme/*" --last 20 --keep "v*" --keep latest
  waybill store tag-policy judge acme/app
`;

export function configure(command: Command): void {
  addPlace(command)
    .argument("<name>", "what the policy is called")
    .argument("<repositories>", "which repositories it is for; * stands for any characters")
    .option("--last <number>", "keep the last so many, by the time they were moved")
    .option(
      "--keep <pattern>",
      "keep names that match; * stands for any characters; may come several times",
      several,
      [],
    )
    .option("--used-within <duration>", "keep what was pushed or pulled within this time")
    .option("--json", "as JSON: the policy; times in milliseconds")
    .addHelpText("after", help)
    .action(async (name: string, matching: string, options: Record<string, unknown>) => {
      const rules = rulesOf(options);
      await withPlace(options, async ({ tagPolicies }) =>
        showPolicies([await tagPolicies.put({ name, matching, rules })], options),
      );
    });
}

function several(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

/** Without a rule every tag stays, which nobody needs a policy for. */
function rulesOf(options: Readonly<Record<string, unknown>>): TagRules {
  const { last, usedWithin } = options;
  const keep = options["keep"] as readonly string[];
  const usedWithinMs = typeof usedWithin === "string" ? parseLifetime(usedWithin, "--used-within") : undefined;
  if (usedWithinMs === null)
    throw new UsageError("--used-within is a duration", "Leave it out: it then keeps nothing.");
  if (last === undefined && keep.length === 0 && usedWithinMs === undefined) {
    throw new UsageError("a policy needs a rule", "Say what it keeps with --last, --keep or --used-within.");
  }
  return {
    ...(typeof last === "string" ? { last: countIn(last) } : {}),
    ...(keep.length === 0 ? {} : { matching: keep }),
    ...(usedWithinMs === undefined ? {} : { usedWithinMs }),
  };
}

function countIn(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new UsageError(`--last must be a whole number, but is ${JSON.stringify(text.slice(0, 80))}`);
}
