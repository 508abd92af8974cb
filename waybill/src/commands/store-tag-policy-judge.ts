import { parseRepositoryName, StoreError, type RepositoryName } from "@waybill/artifact-store";
import type { Command } from "commander";
import { UsageError } from "../errors/index.ts";
import { tableOf } from "../terminal/index.ts";
import { print, printJson } from "./store-output.ts";
import { addPlace, withPlace } from "./store-place.ts";

const help = `
What all policies together would do to a repository's tags now, and why; nothing is changed.

Examples:
  waybill store tag-policy judge acme/app
  waybill store tag-policy judge acme/app --json | jq -r 'select(.kept | not) | .name'
`;

export function configure(command: Command): void {
  addPlace(command)
    .argument("<repository>", "whose tags")
    .option("--json", "as JSON, one line for each tag")
    .addHelpText("after", help)
    .action(async (text: string, options: Record<string, unknown>) => {
      const repository = repositoryIn(text);
      await withPlace(options, async ({ tagPolicies }) => {
        const verdicts = await tagPolicies.judge(repository);
        if (options["json"] === true) return verdicts.forEach(printJson);
        const rows = verdicts.map(({ name, kept, sentence }) => [name, kept ? "stays" : "goes", sentence]);
        print(tableOf(["tag", "verdict", "why"], rows));
      });
    });
}

function repositoryIn(text: string): RepositoryName {
  try {
    return parseRepositoryName(text);
  } catch (error) {
    if (error instanceof StoreError) throw new UsageError(error.message, "Name a repository, without tag and server.");
    throw error;
  }
}
