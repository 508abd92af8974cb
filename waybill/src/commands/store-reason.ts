import type { RetentionRecord } from "@waybill/artifact-store/http";
import type { Command } from "commander";
import type { ReasonGiven, StoreAccess } from "../store-access/index.ts";
import { parseManifestTarget, type ManifestTarget } from "../store-words/index.ts";
import { print, printJson } from "./store-output.ts";
import { addPlace, withPlace } from "./store-place.ts";
import { keptAs } from "./store-show.ts";

type Change = (
  retention: StoreAccess["retention"],
  target: ManifestTarget,
  reason: ReasonGiven,
) => Promise<RetentionRecord>;

/** A command about one reason to keep a manifest, a hold or a pin; it prints what keeps the manifest then. */
function addReason(command: Command, name: string, change: Change): Command {
  return addPlace(command)
    .argument("<manifest>", "REPOSITORY:TAG or REPOSITORY@DIGEST")
    .argument("<name>", name)
    .option("--json", "as JSON: the manifest's retention record")
    .action(async (text: string, called: string, options: Readonly<{ [option: string]: unknown }>) => {
      const target = parseManifestTarget(text);
      await withPlace(options, async ({ retention }) => {
        const record = await change(retention, target, { name: called, why: String(options["why"]) });
        if (options["json"] === true) printJson(record);
        else print(keptAs(record));
      });
    });
}

export function addPlacing(command: Command, kind: "hold" | "pin"): Command {
  command.requiredOption("--why <text>", "the reason, which everybody is told who meets it");
  return addReason(command, `what the ${kind} is called`, (retention, { repository, reference }, reason) =>
    retention[kind](repository, reference, reason),
  );
}

export function addEnding(command: Command, kind: "hold" | "pin"): Command {
  return addReason(command, `the ${kind}`, async (retention, { repository, reference }, { name }) => {
    await retention[kind === "pin" ? "unpin" : "release"](repository, reference, name);
    return await retention.show(repository, reference);
  });
}
