import type { RetentionClassRules } from "@waybill/artifact-store/http";
import type { Command } from "commander";
import { UsageError } from "../errors/index.ts";
import { durationText, parseLifetime } from "../store-words/index.ts";
import { tableOf } from "../terminal/index.ts";
import { print, printJson } from "./store-output.ts";
import { addPlace, withPlace } from "./store-place.ts";

const help = `
Retention classes: how long manifests live that are in them. Without NAME it lists them. Times are durations such as 30d,
or none for no end. What is in a class keeps the expiry that it has when the class is defined anew.

Examples:
  waybill store class                                      all of them
  waybill store class ci --lifetime 30d --longest 365d --untagged 7d
  waybill store class evidence --lifetime 365d --locked    nobody may delete it before
  waybill store class evidence --remove
`;

export function configure(command: Command): void {
  addPlace(command)
    .argument("[name]", "define this class, or show it")
    .option("--lifetime <duration>", "from the push to the expiry that a manifest gets")
    .option("--longest <duration>", "how far from its push an extension may move the expiry")
    .option("--untagged <duration>", "how long a manifest without tag and expiry is kept")
    .option("--locked", "nobody may delete a manifest before it expires")
    .option("--remove", "forget the class; refused while something is in it")
    .option("--json", "as JSON, one line for each class; times in milliseconds, null without end")
    .addHelpText("after", help)
    .action(async (name: string | undefined, options: Record<string, unknown>) => {
      const changes = ["lifetime", "longest", "untagged", "locked"].some((option) => options[option] !== undefined);
      if (name === undefined && (changes || options["remove"] === true)) throw new UsageError("which class?");
      if (changes && options["remove"] === true) throw new UsageError("--remove goes with no other option");
      const rules = name === undefined || !changes ? undefined : rulesOf(name, options);
      await withPlace(options, async ({ retention }) => {
        if (name !== undefined && options["remove"] === true) {
          await retention.removeClass(name);
          if (options["json"] === true) printJson({ removed: name });
          return;
        }
        if (rules !== undefined) return show([await retention.defineClass(rules)], options);
        const all = await retention.classes();
        const chosen = name === undefined ? all : all.filter((one) => one.name === name);
        if (chosen.length === 0)
          throw new UsageError(`there is no class ${name}`, "Say what it is with --lifetime and its like.");
        return show(chosen, options);
      });
    });
}

function rulesOf(name: string, options: Readonly<Record<string, unknown>>): RetentionClassRules {
  const time = (option: string): number | null =>
    typeof options[option] === "string" ? parseLifetime(options[option] as string, `--${option}`) : null;
  return {
    name,
    lifetimeMs: time("lifetime"),
    longestMs: time("longest"),
    untaggedMs: time("untagged"),
    locked: options["locked"] === true,
  };
}

function show(classes: readonly RetentionClassRules[], options: Readonly<Record<string, unknown>>): void {
  if (options["json"] === true) return classes.forEach(printJson);
  const rows = classes.map(({ name, lifetimeMs, longestMs, untaggedMs, locked }) => [
    name,
    ...[lifetimeMs, longestMs, untaggedMs].map(durationText),
    locked ? "yes" : "no",
  ]);
  print(tableOf(["class", "lifetime", "longest", "untagged", "locked"], rows));
}
